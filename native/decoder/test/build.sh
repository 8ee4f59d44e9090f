# Builds programs with the sources of the decoder. The script that sources this file sets `here` to this folder.
builds=$here/../../target/decoder-test
cxx=${CXX:-$(command -v g++ || command -v clang++ || true)}
if [ -z "$cxx" ]; then echo "there is no g++ or clang++" >&2; exit 2; fi

# gcc 12 warns of uninitialized variables in its vector functions
options=(-std=c++17 -O2 -ffp-contract=off -g -pthread -Wall -Wextra -Wno-unknown-warning-option -Wno-uninitialized
  -Wno-maybe-uninitialized)

# some versions of clang need this option for vectors of 512 bits, and other compilers reject it
evex512=$($cxx -mevex512 -E -x c++ - </dev/null >/dev/null 2>&1 && echo -mevex512 || true)

# compiler options of a family's kernels
family() {
  case $1 in
    0) echo -mavx2 -mfma ;;
    1) echo "$(family 0) $evex512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni" ;;
    2) echo "$(family 1) -mavx512bf16" ;;
    3) echo "$(family 2) -mamx-tile -mamx-int8 -mamx-bf16" ;;
  esac
}

# build FOLDER PROGRAM OPTION...: builds test/PROGRAM.cc with the decoder
build() {
  local folder=$builds/$1 program=$2 source
  shift 2
  mkdir -p "$folder"
  local commands=()
  compile() { commands+=("$cxx ${options[*]} $* -c -o $folder/$name.o"); }
  for source in "$here"/../*.cc "$here/$program.cc"; do
    name=$(basename "$source" .cc)
    if [ "$name" = kernels ]; then
      for f in 0 1 2 3; do name=kernels$f compile "$@" -DTIDEMARK_FAMILY=$f $(family $f) "$source"; done
    else
      compile "$@" "$source"
    fi
  done
  rm -f "$folder"/*.o
  printf '%s\n' "${commands[@]}" | xargs -P "$(nproc)" -I{} sh -c '{}'
  $cxx "$@" -pthread "$folder"/*.o -o "$folder/$program"
}
