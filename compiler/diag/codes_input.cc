#include <array>

#include "compiler/diag/code_tables.h"

namespace weft::diag {
namespace {

constexpr std::array table = {
    CodeText{
        "E0100", "a file cannot be read",
        "The file is missing, is a folder, or its permissions keep weft out; the message says\n"
        "which. Paths are relative to the folder in which weft was started."},
    CodeText{
        "E0101", "not YAML",
        "The text breaks YAML's grammar at the place shown. Frequent causes: a tab in the\n"
        "indentation, a missing space behind `:`, an unclosed quote or bracket, and values with\n"
        "`: ` or ` #` inside that need quotes."},
    CodeText{
        "E0102", "a file is too large",
        "weft reads files up to 16 MiB and 2,000,000 values. Graphs, models and workloads are\n"
        "far smaller: probably this is another file. Many flows are written as ranges, not one\n"
        "by one."},
    CodeText{"E0103", "not a text file",
             "The file holds bytes that are no UTF-8, or control characters. Files in UTF-16 and\n"
             "binary files are refused before YAML sees them."},
    CodeText{"E0104", "unknown key",
             "A key that means nothing at this place, at whatever depth. Unknown keys are errors,\n"
             "because a misspelt one would else be a setting that silently does nothing. The help\n"
             "line lists the keys that are allowed here."},
    CodeText{
        "E0105", "duplicate key",
        "The same key stands twice in one mapping. YAML's readers keep one of the two, and not\n"
        "all the same one; weft keeps none."},
    CodeText{"E0106", "merge key",
             "`<<` copies the keys of another mapping in YAML 1.1. weft does not: what a node has\n"
             "must be readable at the node. Write the keys out."},
    CodeText{
        "E0107", "wrong type",
        "A list where a mapping is expected, a word where a number is, and the like. The help\n"
        "line shows the form that is expected."},
    CodeText{
        "E0108", "missing key",
        "A key that has no default is not there. The help line names it; graphs/README.md and\n"
        "nicmodels/README.md say what it means."},
    CodeText{
        "E0109", "anchor, alias or tag",
        "YAML's `&name`, `*name` and `!tag` are refused. A few lines of aliases can stand for\n"
        "gigabytes of values (the \"alias bomb\"), and no graph needs them."},
    CodeText{
        "E0110", "a YAML boolean where a name is meant",
        "In YAML 1.1 the bare words yes, no, on, off, true and false are booleans, in any case.\n"
        "Some readers would turn a node called `no` into `false`. Quote the word, or choose\n"
        "another. Only ports may be called yes and no without quotes; and on / off are what\n"
        "switches such as `forwarding:` take."},
    CodeText{
        "E0111", "not a name",
        "Names are letters, digits and `_`, and do not start with a digit. Stack nodes, fields\n"
        "and knobs have several such words, joined by dots: `ipv4.checksum_ok`."},
    CodeText{"E0112", "number out of range",
             "The help line gives the smallest and the largest number that is allowed here, both\n"
             "inclusive."},
    CodeText{"E0113", "an empty file, or a second document",
             "A file holds exactly one YAML document. What stands behind a line `---` would be a\n"
             "second one, and nobody would read it."},
    CodeText{"E0114", "unknown word",
             "Only certain words are allowed here: kinds of nodes, ways to match, answers of a\n"
             "descriptor. The help line lists them."},
};

}  // namespace

std::span<const CodeText> input_codes() { return table; }

}  // namespace weft::diag
