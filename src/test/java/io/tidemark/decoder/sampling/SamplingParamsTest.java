package io.tidemark.decoder.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URL;
import java.net.URLClassLoader;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Sampling parameters")
class SamplingParamsTest {

    @ParameterizedTest
    @ValueSource(strings = {"Penalties", "SamplingParams"})
    @DisplayName("Have penalties, whichever class is initialized first")
    void initialization(String first) throws Exception {
        URL[] places = {
            SamplingParams.class.getProtectionDomain().getCodeSource().getLocation()
        };
        try (URLClassLoader loader = new URLClassLoader(places, ClassLoader.getPlatformClassLoader())) {
            Class.forName(SamplingParams.class.getPackageName() + "." + first, true, loader);
            Class<?> params = Class.forName(SamplingParams.class.getName(), true, loader);
            Object greedy = params.getField("GREEDY").get(null);
            assertThat(params.getMethod("penalties").invoke(greedy)).isNotNull();
        }
    }
}
