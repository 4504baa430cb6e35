// The same server behind TLS. Its certificate and key, in PEM, are the files that
// WEFT_HTTPS_CERTIFICATE and WEFT_HTTPS_KEY name.
#include "server.h"
#include "tls.h"

namespace http {
namespace {

std::string required(const char* variable) {
  const char* text = std::getenv(variable);
  if (text != nullptr && *text != '\0') return text;
  throw std::runtime_error(std::string(variable) + " is to name a file in PEM");
}

Context context_or_say_why() try {
  const std::string certificate = required("WEFT_HTTPS_CERTIFICATE");
  return make_context(certificate, required("WEFT_HTTPS_KEY"));
} catch (const std::exception& e) {
  std::fprintf(stderr, "https: %s\n", e.what());
  throw;
}

}  // namespace

class Tls final : public Server {
 public:
  explicit Tls(const weft_app_config&) : context_(context_or_say_why()) {}

 private:
  Connection* make(Shared& shared, std::uint64_t number) override {
    return new TlsConnection(*context_, shared, number);
  }
  Context context_;
};

}  // namespace http

extern "C" const weft_app* weft_app_entry() { return weft::app::describe<http::Tls>("https"); }
