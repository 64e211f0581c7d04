// Package addresses has the flags of serve that say where it listens, and who may use the admin address.
package addresses

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/flags"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/app"
	"qaserelay/relay/listen"
	"qaserelay/rules/value"
)

// Flags say where serve listens, and what it takes there.
type Flags struct {
	signInFlags
	listen         string
	adminListen    string
	tls, adminTLS  app.TLSFiles
	adminURLs      []string
	trustedProxies []string
	maxBody        flags.Size
	maxBodies      flags.Size
}

// Add adds the flags.
func (f *Flags) Add(set *pflag.FlagSet) {
	f.maxBody, f.maxBodies = 1<<20, 8<<20
	set.StringVar(&f.listen, "listen", ":8080", "public `ADDRESS`, where Qase posts events")
	set.StringVar(&f.tls.Cert, "tls-cert", "", "PEM `FILE` with the certificate of the public address")
	set.StringVar(&f.tls.Key, "tls-key", "", "PEM `FILE` with its key; both are read again when they change")
	set.StringSliceVar(&f.trustedProxies, "trusted-proxies", nil,
		"networks (`CIDR`) of reverse proxies whose X-Forwarded-For and Forwarded name the client, beside settings.trusted_proxies")
	set.Var(&f.maxBody, "max-body", "largest event that is accepted, such as 512KiB or 2MiB")
	set.Var(&f.maxBodies, "max-in-work", "size of all events that are in work at once; further ones wait, then get 503")
	set.StringVar(&f.adminListen, "admin-listen", "127.0.0.1:9090", "`ADDRESS` of metrics, health and the admin API")
	set.StringSliceVar(&f.adminURLs, "admin-url", nil,
		"`URL` under which the admin address is reached, such as https://relay.example.com or https://example.com/relay; "+
			"it answers to no other name")
	set.StringVar(&f.adminTLS.Cert, "admin-tls-cert", "", "PEM `FILE` with the certificate of the admin address")
	set.StringVar(&f.adminTLS.Key, "admin-tls-key", "", "PEM `FILE` with its key; both are read again when they change")
	f.signInFlags.add(set)
}

// Apply sets what the flags say, or returns what is wrong with one of them.
func (f *Flags) Apply(o *app.Options) error {
	o.Listen, o.AdminListen, o.TLS, o.AdminTLS = f.listen, f.adminListen, f.tls, f.adminTLS
	o.MaxBody, o.MaxBodies = int64(f.maxBody), int64(f.maxBodies)
	for _, text := range f.trustedProxies {
		network, err := value.ParseNetwork(strings.TrimSpace(text))
		if err != nil {
			return terminal.Hint(fmt.Errorf("--trusted-proxies: %w", err), "for example 127.0.0.1,10.0.0.0/8")
		}
		o.TrustedProxies = append(o.TrustedProxies, network)
	}
	for _, text := range f.adminURLs {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
			u.RawQuery != "" || u.Fragment != "" {
			return terminal.Hint(errors.New("--admin-url: not the URL of a site"),
				"for example https://relay.example.com")
		}
		o.AdminURLs = append(o.AdminURLs, text)
	}
	return f.signInFlags.apply(&o.Access)
}

// ListenHint adds to a listen error the flag of the address and a hint.
func ListenHint(err error) error {
	var failed *app.ListenError
	if !errors.As(err, &failed) {
		return err
	}
	flag := "--listen"
	if failed.Admin {
		flag = "--admin-listen"
	}
	var files *listen.FilesError
	switch {
	case errors.As(err, &files) && failed.Admin:
		return fmt.Errorf("--admin-tls-cert and --admin-tls-key: %w", files)
	case errors.As(err, &files):
		return fmt.Errorf("--tls-cert and --tls-key: %w", files)
	case errors.Is(err, syscall.EADDRINUSE):
		return terminal.Hint(fmt.Errorf("%s %s: the address is in use by another program", flag, failed.Addr),
			"is another relay running? %s HOST:PORT chooses another address", flag)
	case errors.Is(err, syscall.EACCES):
		return terminal.Hint(fmt.Errorf("%s %s: not allowed", flag, failed.Addr),
			"ports below 1024 need special rights; choose another one")
	}
	return fmt.Errorf("%s %s: %w", flag, failed.Addr, failed.Err)
}
