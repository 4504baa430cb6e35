#include "tls.h"

#include <openssl/err.h>

#include <algorithm>
#include <new>
#include <stdexcept>

namespace http {
namespace {

std::string why() {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof(text));
  return text;
}

// ALPN (RFC 7301): the one protocol that is spoken here, if the client knows it.
int select_protocol(SSL*, const unsigned char** out, unsigned char* out_len,
                    const unsigned char* in, unsigned in_len, void*) {
  static const unsigned char ours[] = "\x08http/1.1";
  unsigned char* picked = nullptr;
  if (SSL_select_next_proto(&picked, out_len, ours, sizeof(ours) - 1, in, in_len) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = picked;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Context make_context(const std::string& certificate, const std::string& key) {
  Context context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_alpn_select_cb(context.get(), select_protocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1)
    throw std::runtime_error(certificate + ": " + why());
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1)
    throw std::runtime_error(key + ": " + why());
  return context;
}

TlsConnection::TlsConnection(SSL_CTX& context, Shared& shared, std::uint64_t number)
    : Connection(shared, number), ssl_(SSL_new(&context)) {
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  if (ssl_ == nullptr || in == nullptr || out == nullptr) throw std::bad_alloc();
  SSL_set_bio(ssl_.get(), in, out);
  SSL_set_accept_state(ssl_.get());
}

std::size_t TlsConnection::take(std::string_view text) {
  if (failed_) return text.size();
  if (!decrypt()) return 0;
  const int n = BIO_write(SSL_get_rbio(ssl_.get()), text.data(), static_cast<int>(text.size()));
  if (n <= 0) {
    failed_ = true;
    return text.size();
  }
  decrypt();
  return static_cast<std::size_t>(n);
}

// False: the session cannot take more now.
bool TlsConnection::decrypt() {
  while (!failed_) {
    if (!heard_.empty()) {
      heard_.erase(0, session().take(heard_));
      if (!heard_.empty()) return false;
    }
    char text[16384];
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), text, sizeof(text));
    send_records();  // of the handshake, and alerts
    if (n > 0) {
      heard_.assign(text, static_cast<std::size_t>(n));
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN) return true;
    failed_ = true;
    said_.clear();
  }
  return true;
}

void TlsConnection::write(std::string_view text) {
  if (text.empty()) return;
  if (said_.empty() || said_.back().own.empty()) said_.emplace_back();
  said_.back().own += text;
  said_bytes_ += text.size();
}

void TlsConnection::lend(std::string_view text) {
  if (text.empty()) return;
  said_.push_back({{}, text, 0});
  said_bytes_ += text.size();
}

// No more is encrypted than what is to be sent soon: a large file stays where it lies.
void TlsConnection::produce() {
  decrypt();
  while (!said_.empty() && !failed_ && out().held() < weft::app::Stream::window) {
    Said& said = said_.front();
    const std::string_view left = said.all().substr(said.done);
    ERR_clear_error();
    const int n = SSL_write(ssl_.get(), left.data(),
                            static_cast<int>(std::min<std::size_t>(left.size(), 16384)));
    if (n <= 0) {
      if (SSL_get_error(ssl_.get(), n) != SSL_ERROR_WANT_READ) failed_ = true;
      break;
    }
    said.done += static_cast<std::size_t>(n);
    said_bytes_ -= static_cast<std::uint64_t>(n);
    if (said.done == said.all().size()) said_.pop_front();
    send_records();
    decrypt();  // the session may have waited for room
  }
  if (session().over() && said_.empty() && !failed_ && !std::exchange(said_end_, true)) {
    SSL_shutdown(ssl_.get());  // so that the client knows that nothing was cut off
    send_records();
  }
}

void TlsConnection::send_records() {
  char* bytes = nullptr;
  BIO* from = SSL_get_wbio(ssl_.get());
  const long n = BIO_get_mem_data(from, &bytes);
  if (n <= 0) return;
  out().write({bytes, static_cast<std::size_t>(n)});
  BIO_reset(from);
}

}  // namespace http
