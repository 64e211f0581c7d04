package listen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookInterval is the least time between two looks at the files of a certificate.
const lookInterval = time.Second

// certificates holds the certificate of an address. When its files change, it reads them again; while they cannot be
// used, the last good one stays.
type certificates struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	good   *tls.Certificate
	looked time.Time
	seen   [2]stamp // of the files that were read last, good or not
}

// stamp tells whether a file has changed.
type stamp struct {
	size     int64
	modified time.Time
}

// openCertificates reads the files of an address for the first time.
func openCertificates(o Options) (*certificates, error) {
	if o.Cert == "" || o.Key == "" {
		return nil, errors.New("TLS needs both the certificate and its key")
	}
	c := &certificates{cert: o.Cert, key: o.Key, log: o.Logger}
	c.seen = c.stamps()
	var err error
	if c.good, err = load(c.cert, c.key); err != nil {
		return nil, err
	}
	c.looked = time.Now()
	c.warnOfTime()
	return c, nil
}

// current implements tls.Config.GetCertificate.
func (c *certificates) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookInterval {
		c.looked = now
		c.look()
	}
	return c.good, nil
}

// look reads the files again if they have changed.
func (c *certificates) look() {
	now := c.stamps()
	if now == c.seen {
		return
	}
	c.seen = now
	fresh, err := load(c.cert, c.key)
	if err != nil {
		c.log.Error("TLS files not loaded, the certificate from before stays", "error", err)
		return
	}
	c.good = fresh
	c.log.Info("TLS files loaded again", "cert", c.cert, "expires", fresh.Leaf.NotAfter.UTC().Format(time.RFC3339))
	c.warnOfTime()
}

func (c *certificates) warnOfTime() {
	now := time.Now()
	if leaf := c.good.Leaf; now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		c.log.Warn("TLS certificate is not valid now", "cert", c.cert, "from", leaf.NotBefore.UTC().Format(time.RFC3339),
			"until", leaf.NotAfter.UTC().Format(time.RFC3339), "hint", "clients refuse it: renew it, or check the clock")
	}
}

func (c *certificates) stamps() (all [2]stamp) {
	for i, name := range []string{c.cert, c.key} {
		if info, err := os.Stat(name); err == nil {
			all[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return all
}

// load reads a certificate and its key. Its errors name the file and what is wrong with it.
func load(cert, key string) (*tls.Certificate, error) {
	chain, err := os.ReadFile(cert)
	if err != nil {
		return nil, fmt.Errorf("reading the TLS certificate %s: %w", cert, reason(err))
	}
	secret, err := os.ReadFile(key)
	if err != nil {
		return nil, fmt.Errorf("reading the TLS key %s: %w", key, reason(err))
	}
	pair, err := tls.X509KeyPair(chain, secret)
	if err != nil {
		return nil, fmt.Errorf("the TLS certificate %s and the key %s cannot be used: %w", cert, key, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, fmt.Errorf("reading the TLS certificate %s: %w", cert, err)
		}
	}
	return &pair, nil
}

// reason returns an error of a file without the file, which the caller names.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
