// SPDX-License-Identifier: MIT
#include "net/tls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "util/log.hpp"

namespace idmerge::net {
namespace {

std::string reason_of(unsigned long error) {
  const char* text = ERR_reason_error_string(error);
  return text != nullptr ? text : fmt::format("error {}", error);
}

/// Returns: the oldest error of OpenSSL's queue. Empties the queue.
unsigned long take_error() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  return error;
}

Error bad_file(std::string_view flag, const std::string& file) {
  const unsigned long error = take_error();
  const std::string why = ERR_SYSTEM_ERROR(error)
                              ? std::generic_category().message(ERR_GET_REASON(error))
                              : reason_of(error);
  return {Errc::usage,
          fmt::format("{} {}: it cannot be used: {}: name a PEM file", flag, file, why)};
}

/// Replaces OpenSSL's callback, which asks on the terminal for the passphrase of a key.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

/// Equivalent to SSL_set_tlsext_host_name, without its cast.
bool set_server_name(SSL* ssl, std::string host) {
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data()) == 1;
}

/// Writes like the socket BIO of OpenSSL, but without raising SIGPIPE, which ends a program that
/// does not ignore it.
int send_quietly(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  errno = 0;
  const auto sent = ::send(static_cast<int>(BIO_get_fd(bio, nullptr)), bytes,
                           static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent <= 0 && BIO_sock_should_retry(static_cast<int>(sent)) != 0) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

/// Returns: a BIO on `socket` that raises no SIGPIPE; null if there is no memory.
BIO* quiet_bio(int socket) {
  static BIO_METHOD* const method = [] {
    const BIO_METHOD* socket_method = BIO_s_socket();
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOCKET, "socket without signals");
    if (made != nullptr) {
      BIO_meth_set_write(made, send_quietly);
      BIO_meth_set_read(made, BIO_meth_get_read(socket_method));
      BIO_meth_set_puts(made, BIO_meth_get_puts(socket_method));
      BIO_meth_set_ctrl(made, BIO_meth_get_ctrl(socket_method));
      BIO_meth_set_create(made, BIO_meth_get_create(socket_method));
      BIO_meth_set_destroy(made, BIO_meth_get_destroy(socket_method));
    }
    return made;
  }();
  BIO* bio = method != nullptr ? BIO_new(method) : nullptr;
  if (bio != nullptr) BIO_set_fd(bio, socket, BIO_NOCLOSE);
  return bio;
}

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(address);
  ERR_clear_error();
  return address != nullptr;
}

// ---- The system's CA certificates, found in the same way as by OpenSSL

/// A file or directory in which OpenSSL looks for CA certificates.
struct TrustPlace {
  const char* variable;  // environment variable that overrides the compiled-in path
  const char* fallback;

  const char* configured() const { return ::secure_getenv(variable); }
  std::string path() const { return configured() != nullptr ? configured() : fallback; }
  std::string text() const {
    return configured() != nullptr ? fmt::format("{}={}", variable, util::printable(path()))
                                   : path();
  }
};

TrustPlace trust_file() {
  return {X509_get_default_cert_file_env(), X509_get_default_cert_file()};
}

TrustPlace trust_directory() {
  return {X509_get_default_cert_dir_env(), X509_get_default_cert_dir()};
}

/// Returns whether OpenSSL finds a certificate in a directory by a name of this form: "9d66eef0.0".
bool is_hash_name(std::string_view name) {
  constexpr std::size_t digits = 8;
  return name.size() > digits + 1 && name[digits] == '.' &&
         name.substr(0, digits).find_first_not_of("0123456789abcdef") == std::string_view::npos &&
         name.substr(digits + 1).find_first_not_of("0123456789") == std::string_view::npos;
}

/// Returns whether one of several directories, separated by colons, contains a certificate.
bool any_in_directories(std::string_view paths) {
  while (!paths.empty()) {
    const auto path = paths.substr(0, paths.find(':'));
    paths.remove_prefix(std::min(paths.size(), path.size() + 1));
    std::error_code unreadable;  // on an error the iterator equals `end`
    for (std::filesystem::directory_iterator it(path, unreadable), end; it != end;
         it.increment(unreadable)) {
      if (is_hash_name(it->path().filename().string())) return true;
    }
  }
  return false;
}

struct TrustStore {
  bool is_empty = false;
  /// Places set in the environment that contain no certificate: "SSL_CERT_FILE=/x".
  std::vector<std::string> misnamed;
};

TrustStore load_trust_store(SSL_CTX* context) {
  SSL_CTX_set_default_verify_paths(context);
  ERR_clear_error();  // a place without certificates is not an error
  const auto* loaded = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
  const bool any_in_file = sk_X509_OBJECT_num(loaded) > 0;
  const bool any_in_directory = any_in_directories(trust_directory().path());
  TrustStore store;
  store.is_empty = !any_in_file && !any_in_directory;
  if (!any_in_file && trust_file().configured() != nullptr) {
    store.misnamed.push_back(trust_file().text());
  }
  if (!any_in_directory && trust_directory().configured() != nullptr) {
    store.misnamed.push_back(trust_directory().text());
  }
  return store;
}

Error no_trust_store() {
  return {Errc::service,
          fmt::format("TLS: this machine has no CA certificates: there are none in {} and {}: "
                      "install them (apt-get install ca-certificates), correct SSL_CERT_FILE and "
                      "SSL_CERT_DIR if they are set, or give --ca-cert",
                      trust_file().text(), trust_directory().text())};
}

}  // namespace

// ---- TlsContext

struct TlsContext::State {
  SSL_CTX* context = nullptr;
  SSL_SESSION* session = nullptr;  // of the latest connection
  std::string misnamed_trust;      // configured places that contain no CA certificates

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    SSL_SESSION_free(session);
    SSL_CTX_free(context);
  }

  static State& of(const SSL* ssl) {
    return *static_cast<State*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  }

  static int keep_session(SSL* ssl, SSL_SESSION* session) {
    SSL_SESSION_free(std::exchange(of(ssl).session, session));
    return 1;  // takes ownership of the session
  }
};

TlsContext::TlsContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsContext::TlsContext(TlsContext&&) noexcept = default;
TlsContext& TlsContext::operator=(TlsContext&&) noexcept = default;
TlsContext::~TlsContext() = default;

Result<TlsContext> TlsContext::make(const TlsOptions& options) {
  ERR_clear_error();
  auto state = std::make_unique<State>();
  SSL_CTX* context = state->context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) return Error{Errc::internal, "TLS: OpenSSL could not be set up"};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // one read returns a record together with its header
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  SSL_CTX_set_app_data(context, state.get());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, State::keep_session);

  if (options.ca_cert.empty()) {
    const TrustStore store = load_trust_store(context);
    if (store.is_empty) return no_trust_store();
    state->misnamed_trust = fmt::format("{}", fmt::join(store.misnamed, " and "));
  } else if (SSL_CTX_load_verify_file(context, options.ca_cert.c_str()) != 1) {
    return bad_file("--ca-cert", options.ca_cert);
  }
  if (!options.client_cert.empty()) {
    const std::string& key = options.client_key.empty() ? options.client_cert : options.client_key;
    if (SSL_CTX_use_certificate_chain_file(context, options.client_cert.c_str()) != 1) {
      return bad_file("--client-cert", options.client_cert);
    }
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
      return bad_file("--client-key", key);
    }
  } else if (!options.client_key.empty()) {
    return Error{Errc::usage, "--client-key: it needs its certificate: add --client-cert"};
  }
  return TlsContext(std::move(state));
}

Result<TlsStream> TlsContext::connect(int socket, const std::string& host) const {
  ERR_clear_error();
  TlsStream stream(SSL_new(state_->context));
  SSL* ssl = stream.ssl_;
  BIO* bio = ssl != nullptr ? quiet_bio(socket) : nullptr;
  bool good = bio != nullptr;
  if (good) {
    SSL_set_bio(ssl, bio, bio);  // takes ownership of the BIO
    // A common name is free text that CAs do not validate as strictly as subjectAltName.
    // Source: RFC 9110 section 4.3.4, RFC 9525 section 6.3.
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    good = is_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1
                            : SSL_set1_host(ssl, host.c_str()) == 1 && set_server_name(ssl, host);
  }
  if (!good) return Error{Errc::internal, fmt::format("TLS: {}", reason_of(take_error()))};
  if (state_->session != nullptr && SSL_SESSION_is_resumable(state_->session) == 1) {
    SSL_set_session(ssl, state_->session);
  }
  SSL_set_connect_state(ssl);
  return stream;
}

// ---- TlsStream

TlsStream::TlsStream(TlsStream&& other) noexcept {
  *this = std::move(other);
}

TlsStream& TlsStream::operator=(TlsStream&& other) noexcept {
  if (this == &other) return *this;
  SSL_free(ssl_);
  ssl_ = std::exchange(other.ssl_, nullptr);
  broken_ = other.broken_;
  errno_ = other.errno_;
  ssl_error_ = other.ssl_error_;
  return *this;
}

TlsStream::~TlsStream() {
  SSL_free(ssl_);
}

Step TlsStream::handshake() {
  ERR_clear_error();
  return step(SSL_do_handshake(ssl_));
}

Step TlsStream::write(std::string_view bytes) {
  ERR_clear_error();
  return step(SSL_write(ssl_, bytes.data(),
                        static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX))));
}

Step TlsStream::read(char* to, std::size_t size) {
  ERR_clear_error();
  return step(SSL_read(ssl_, to, static_cast<int>(std::min<std::size_t>(size, INT_MAX))));
}

void TlsStream::shutdown() {
  if (ssl_ == nullptr || broken_ || SSL_is_init_finished(ssl_) == 0) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

bool TlsStream::resumed() const {
  return SSL_session_reused(ssl_) == 1;
}

Step TlsStream::step(int result) {
  if (result > 0) return {Step::Want::nothing, static_cast<std::size_t>(result)};
  const int system_error = errno;
  errno_ = 0;
  ssl_error_ = 0;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return {Step::Want::read, 0};
    case SSL_ERROR_WANT_WRITE:
      return {Step::Want::write, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {Step::Want::closed, 0};
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      errno_ = system_error;
      return {errno_ == 0 ? Step::Want::closed : Step::Want::failed, 0};
    default:
      broken_ = true;
      ssl_error_ = take_error();
      // An end without close_notify is a failed connection, not the end of an answer.
      return {Step::Want::failed, 0};
  }
}

bool TlsStream::refused() const {
  if (ssl_error_ == 0) return false;
  switch (ERR_GET_REASON(ssl_error_) - SSL_AD_REASON_OFFSET) {
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_DECRYPT_ERROR:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

Error TlsStream::untrusted(std::string_view host) const {
  const long verified = SSL_get_verify_result(ssl_);
  const auto why = fmt::format("{}: its certificate is not valid: {}", host,
                               X509_verify_cert_error_string(verified));
  const std::string& misnamed = TlsContext::State::of(ssl_).misnamed_trust;
  switch (verified) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {Errc::service,
              why +
                  ": none of its subjectAltName entries names this host (a common name does not "
                  "count): check --to, or have the certificate issued with the name"};
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      if (misnamed.empty()) break;
      return {Errc::service,
              fmt::format("{}: there are no CA certificates in {}: correct that, or give --ca-cert",
                          why, misnamed)};
    default:
      break;
  }
  return {Errc::service, why +
                             ": check --to, the clock of this machine, and --ca-cert if your "
                             "company has its own authority"};
}

Error TlsStream::error(std::string_view host) const {
  if (ssl_error_ == 0) {
    if (errno_ == 0) {
      return {Errc::outage,
              fmt::format("{}: the connection was closed within the TLS handshake", host)};
    }
    return {Errc::outage,
            fmt::format("{}: TLS: {}", host, std::generic_category().message(errno_))};
  }
  const int reason = ERR_GET_REASON(ssl_error_);
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) return untrusted(host);
  if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return {Errc::outage, fmt::format("{}: the TLS connection was cut off", host)};
  }
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG) {
    return {Errc::service, fmt::format("{}: it does not speak TLS: check the port in --to", host)};
  }
  if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION) {
    return {Errc::service, fmt::format("{}: it offers no TLS 1.2 or newer, and less is not safe: "
                                       "check --to",
                                       host)};
  }
  if (reason >= SSL_AD_REASON_OFFSET) {
    return {Errc::service, fmt::format("{}: it refused our side of TLS: {}: check --client-cert",
                                       host, reason_of(ssl_error_))};
  }
  return {Errc::service, fmt::format("{}: TLS failed: {}", host, reason_of(ssl_error_))};
}

}  // namespace idmerge::net
