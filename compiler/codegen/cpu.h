// Which instructions generated code may use, so that an object made for another CPU is refused with
// words and never found by an illegal instruction. Included by generated code (with `abi.h`), and
// by the loader.
#pragma once

namespace weft::codegen {

// In the object, as data: a text of features, each followed by a blank. Read before any of its
// functions is called.
inline constexpr const char* cpu_symbol = "weft_generated_cpu";

// Of the code that this is compiled into. The names are those of __builtin_cpu_supports(); others
// that compilers use by themselves come together with one of these.
inline constexpr char compiled_for[] =
    ""
#ifdef __SSE4_2__
    "sse4.2 "
#endif
#ifdef __POPCNT__
    "popcnt "
#endif
#ifdef __AVX__
    "avx "
#endif
#ifdef __AVX2__
    "avx2 "
#endif
#ifdef __FMA__
    "fma "
#endif
#ifdef __BMI__
    "bmi "
#endif
#ifdef __BMI2__
    "bmi2 "
#endif
#ifdef __AVX512F__
    "avx512f "
#endif
#ifdef __AVX512BW__
    "avx512bw "
#endif
#ifdef __AVX512DQ__
    "avx512dq "
#endif
#ifdef __AVX512VL__
    "avx512vl "
#endif
#ifdef __AVX512CD__
    "avx512cd "
#endif
#ifdef __AVX512VBMI__
    "avx512vbmi "
#endif
#ifdef __AVX512VBMI2__
    "avx512vbmi2 "
#endif
#ifdef __AVX512VNNI__
    "avx512vnni "
#endif
#ifdef __AVX512BITALG__
    "avx512bitalg "
#endif
#ifdef __AVX512VPOPCNTDQ__
    "avx512vpopcntdq "
#endif
#ifdef __GFNI__
    "gfni "
#endif
#ifdef __VPCLMULQDQ__
    "vpclmulqdq "
#endif
    ;

}  // namespace weft::codegen

#ifdef WEFT_KEY  // generated code, which is one file
extern "C" {
extern __attribute__((visibility("default"))) const char* const weft_generated_cpu;
const char* const weft_generated_cpu = weft::codegen::compiled_for;
}
#endif
