# What the builds of the libraries with torch's C++ classes share: the compiler and the headers. A build sources it after
# library.sh.
#
# libtorch's classes have the layout of GNU's C++ library, and another g++ writes other bytes. The headers are those of
# PyPI's torch 2.7.1 (a file of 821 MB) and of its CUDA runtime; `cuda.h` includes files of the compiler's package.
compiler=$(g++ -dumpfullversion)
if [ "$compiler" != 12.2.0 ]; then
  echo "g++ is $compiler; another version than 12.2.0 writes other bytes" >&2
  [ -z "$check" ] || exit 1
fi

headers=$target_folder/torch-2.7.1-cuda-12.6.77
if ! [ -d "$headers" ]; then
  downloads=$(mktemp -d)
  trap 'rm -rf "$downloads"' EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --python-version 3.11 \
    --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --dest "$downloads" torch==2.7.1 \
    nvidia-cuda-runtime-cu12==12.6.77 nvidia-cuda-nvcc-cu12==12.6.77
  rm -rf "$headers.part" && mkdir -p "$headers.part"
  python3 - "$headers.part" "$downloads"/*.whl <<'PYTHON'
import sys, zipfile
for file in sys.argv[2:]:
    with zipfile.ZipFile(file) as wheel:
        wheel.extractall(sys.argv[1], [name for name in wheel.namelist()
                                       if "/include/" in name or name.endswith(("/libtorch_cpu.so", "/libc10.so"))])
PYTHON
  mv "$headers.part" "$headers"
fi

# compile_for_torch NAME SOURCE FLAG...: builds and publishes a library
compile_for_torch() {
  local work=$target_folder/${1%.so}
  rm -rf "$work" && mkdir -p "$work"
  g++ -std=c++17 -O1 -g0 -fPIC -shared -fvisibility=hidden -fvisibility-inlines-hidden -D_GLIBCXX_USE_CXX11_ABI=1 \
    "-ffile-prefix-map=$PWD=$(basename "$PWD")" "-ffile-prefix-map=$headers=headers" -isystem "$headers/torch/include" \
    -isystem "$headers/nvidia/cuda_runtime/include" -isystem "$headers/nvidia/cuda_nvcc/include" -Wall -Wextra -Werror \
    -s -Wl,--build-id=none -Wl,-z,nodelete -o "$work/$1" "$2" "${@:3}" -L"$headers/torch/lib" -ltorch_cpu -lc10
  publish "$work/$1"
}
