package httpclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"qaserelay/notifiers"
)

// TLS are the settings by which a notifier and its server verify each other.
type TLS struct {
	// Certificates (PEM) of the authorities to trust, in place of the system's; the server's own if it is self-signed.
	CA string `yaml:"ca" secret:"true"`
	// Client certificate (PEM), with its intermediate certificates.
	Cert string `yaml:"cert" secret:"true"`
	// Private key (PEM) of cert.
	Key notifiers.Secret `yaml:"key" secret:"true"`
	// Name that the server's certificate is for. Default: the host of the address.
	ServerName string `yaml:"server_name"`
	// true accepts any certificate of the server; only for tests.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// Client returns the configuration of connections. Keys in its errors begin with prefix, such as "tls.".
func (c TLS) Client(prefix string) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.ServerName,
		InsecureSkipVerify: c.InsecureSkipVerify, //nolint:gosec // the operator asks for it
	}
	if c.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(c.CA)) {
			return nil, notifiers.Fault(prefix+"ca", "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
		}
	}
	switch {
	case c.InsecureSkipVerify && c.CA != "":
		return nil, notifiers.Fault(prefix+"insecure_skip_verify", "makes no sense beside ca; keep one of them")
	case c.Cert == "" && !c.Key.IsSet():
		return config, nil
	case c.Cert == "":
		return nil, notifiers.Fault(prefix+"cert", "missing; key needs one")
	case !c.Key.IsSet():
		return nil, notifiers.Fault(prefix+"key", "missing; cert needs one")
	}
	pair, err := tls.X509KeyPair([]byte(c.Cert), []byte(c.Key.Value()))
	if err != nil {
		return nil, notifiers.Fault(prefix+"cert",
			"cert and key are not a pair in PEM form; write the two files that were made together")
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// ExplainTrust adds advice to the error of a certificate from an unknown authority: to name the authority in key.
func ExplainTrust(err error, key string) error {
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		return err
	}
	return fmt.Errorf("%w: if this is the right server, name the authority of its certificate in %s", RedactURL(err),
		key)
}
