#include "runtime/apps/library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstddef>
#include <filesystem>

namespace weft::apps {
namespace {

diag::Error refuse(const std::string& path, const std::string& why) {
  return diag::Diagnostic{.code = "E0631",
                          .message = fmt::format("application `{}`: {}", path, why),
                          .help = "build it against runtime/apps/weft_app.h of this weft"};
}

}  // namespace

bool serves_tcp(const weft_app& app) {
  return app.size >= offsetof(weft_app, tcp) + sizeof(app.tcp) && app.tcp != nullptr;
}

diag::Result<void> check_app(const weft_app* app, const std::string& path) {
  if (app == nullptr) return diag::fail(refuse(path, "its entry returns nothing"));
  if (app->abi != WEFT_APP_ABI)
    return diag::fail(refuse(
        path, fmt::format("it has interface version {}, weft has {}", app->abi, WEFT_APP_ABI)));
  if (app->size < offsetof(weft_app, tick) + sizeof(app->tick))
    return diag::fail(refuse(path, fmt::format("its description has {} bytes, at least {} are "
                                               "wanted",
                                               app->size, sizeof(weft_app))));
  if (app->name == nullptr || app->create == nullptr || app->destroy == nullptr ||
      (app->datagram == nullptr && !serves_tcp(*app)))
    return diag::fail(refuse(path, "its description lacks name, create, destroy or datagram"));
  return {};
}

diag::Result<Library> load_app(const std::string& name, const std::vector<std::string>& folders) {
  namespace fs = std::filesystem;
  std::string path = name;
  if (name.find('/') == std::string::npos) {
    path.clear();
    for (const std::string& folder : folders) {
      const fs::path candidate = fs::path(folder) / (name + ".so");
      std::error_code ignored;
      if (path.empty() && fs::exists(candidate, ignored)) path = candidate.string();
    }
    if (path.empty())
      return diag::fail(diag::Diagnostic{
          .code = "E0630",
          .message = fmt::format("there is no application `{}`", name),
          .help = fmt::format("looked for {}.so in: {}; name more folders with --app-path", name,
                              fmt::join(folders, ", "))});
  }
  // dlopen searches the system's folders for a name without a slash.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return diag::fail(refuse(path, dlerror()));
  Library library{path, nullptr, std::shared_ptr<void>(handle, [](void* h) { dlclose(h); })};
  const auto entry = reinterpret_cast<weft_app_entry_function>(dlsym(handle, "weft_app_entry"));
  if (entry == nullptr)
    return diag::fail(refuse(path, "it has no symbol weft_app_entry, so it is no application"));
  library.app = entry();
  if (auto good = check_app(library.app, path); !good) return diag::fail(good.error());
  return library;
}

}  // namespace weft::apps
