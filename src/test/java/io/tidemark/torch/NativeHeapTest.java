package io.tidemark.torch;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.torch.NativeHeap.Arena;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Huge pages")
class NativeHeapTest {

    private static final int PAGES = 512;

    @Test
    @DisplayName("The heaps of arenas are found: anonymous writable memory at a multiple of 64 MiB")
    void arenas() {
        assertThat(NativeHeap.arenas(List.of(
                        "555555554000-555555600000 rw-p 00000000 00:00 0                          [heap]",
                        "7ffa2c000000-7ffa2fc3d000 rw-p 00000000 00:00 0 ",
                        "7ffa2fc3d000-7ffa30000000 ---p 00000000 00:00 0 ",
                        "7ffa30000000-7ffa34000000 r--p 00000000 08:01 77                         /usr/lib/libtorch_cpu.so",
                        "7ffa34000000-7ffa34021000 rw-p 00000000 00:00 0 ",
                        "7ffa38001000-7ffa3c000000 rw-p 00000000 00:00 0 ",
                        "7ffa40000000-7ffa4c000000 rw-p 00000000 00:00 0 ")))
                .containsExactly(new Arena(0x7ffa2c000000L, 0x3c00000));
    }

    @Test
    @DisplayName("Ranges are chosen of which three quarters are resident, so that free memory is not allocated again")
    void filled() {
        byte[] resident = new byte[3 * PAGES + 100];
        Arrays.fill(resident, 0, PAGES * 3 / 4 - 1, (byte) 1);
        Arrays.fill(resident, PAGES, PAGES + PAGES * 3 / 4, (byte) 1);
        Arrays.fill(resident, 2 * PAGES, resident.length, (byte) 1);
        assertThat(NativeHeap.filled(resident)).containsExactly(2L << 20, 4L << 20);
    }
}
