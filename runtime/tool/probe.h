// `weft nic probe`.
#pragma once

#include <string>

namespace weft::tool {

struct ProbeOptions {
  std::string port;      // a wire's name, or "emulated:MODEL"
  std::string output;    // file for the model; "" : none is written
  std::string name;      // of the model; "" : the file's stem, or "probed"
  unsigned rules = 256;  // tried of each kind, to see how many fit
  bool json = false;
};

int probe(const ProbeOptions& options);  // exit code

}  // namespace weft::tool
