// Asks a running stack over its unix socket (runtime/observe/README.md).
#pragma once

#include <string>

#include "compiler/diag/diagnostic.h"

namespace weft::tool {

// `name`: of a running stack (its plan's file name without the ending), the path of a socket, or
// "" for the only stack that runs. Gives the document that answers `question`.
// E0465: no such stack runs, or several do and none was named. E0466: it did not answer.
// `body` follows the question, for those that take a document; a stack may take its time with one.
diag::Result<std::string> ask(const std::string& name, const std::string& question,
                              const std::string& body = "");
// Where sockets of stacks lie, for this user; the name of the only stack that runs, or `name`.
std::string socket_folder();
diag::Result<std::string> stack_named(const std::string& name);
// Says on stderr which stack it is, by its process, where nobody has named one.
void say_which(const std::string& given, const std::string& stack);
// Asks whoever listens there. E0465: nobody. `thinks`: who is asked may have to prove something
// first.
diag::Result<std::string> ask_at(const std::string& path, const std::string& question,
                                 const std::string& body = "", bool thinks = false);

}  // namespace weft::tool
