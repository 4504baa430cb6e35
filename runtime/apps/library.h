// Loads applications: shared objects with the entry of weft_app.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "runtime/apps/weft_app.h"

namespace weft::apps {

// A loaded shared object; unloaded with the last copy.
struct Library {
  std::string path;  // "" for one that was not loaded from a file
  const weft_app* app = nullptr;
  std::shared_ptr<void> handle;
};

// `name` is a path when it holds a slash, else NAME.so in the first of `folders` that has it.
// Errors: E0630 (not found; the folders are named), E0631 (cannot be loaded, no entry, another ABI,
// functions missing).
diag::Result<Library> load_app(const std::string& name, const std::vector<std::string>& folders);

// Whether it has a function for events of TCP.
bool serves_tcp(const weft_app& app);

// Checks version, size and functions: load_app's last step, also for built-in applications.
diag::Result<void> check_app(const weft_app* app, const std::string& path);

}  // namespace weft::apps
