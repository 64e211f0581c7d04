package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/app"
	"qaserelay/relay/listen"
	"qaserelay/rules/value"
)

// addressFlags are the flags of serve that say where it listens, and what it takes there.
type addressFlags struct {
	listen         string
	adminListen    string
	tls, adminTLS  app.TLSFiles
	adminURLs      []string
	trustedProxies []string
	maxBody        byteSize
	maxBodies      byteSize
}

func (f *addressFlags) add(flags *pflag.FlagSet) {
	f.maxBody, f.maxBodies = 1<<20, 8<<20
	flags.StringVar(&f.listen, "listen", ":8080", "public `ADDRESS`, where Qase posts events")
	flags.StringVar(&f.tls.Cert, "tls-cert", "", "PEM `FILE` with the certificate of the public address")
	flags.StringVar(&f.tls.Key, "tls-key", "", "PEM `FILE` with its key; both are read again when they change")
	flags.StringSliceVar(&f.trustedProxies, "trusted-proxies", nil,
		"networks (`CIDR`) of reverse proxies whose X-Forwarded-For and Forwarded name the client, beside settings.trusted_proxies")
	flags.Var(&f.maxBody, "max-body", "largest event that is accepted, such as 512KiB or 2MiB")
	flags.Var(&f.maxBodies, "max-in-work", "size of all events that are in work at once; further ones wait, then get 503")
	flags.StringVar(&f.adminListen, "admin-listen", "127.0.0.1:9090", "`ADDRESS` of metrics, health and the admin API")
	flags.StringSliceVar(&f.adminURLs, "admin-url", nil,
		"`URL` under which the admin address is reached, such as https://relay.example.com; it answers to no other name")
	flags.StringVar(&f.adminTLS.Cert, "admin-tls-cert", "", "PEM `FILE` with the certificate of the admin address")
	flags.StringVar(&f.adminTLS.Key, "admin-tls-key", "", "PEM `FILE` with its key; both are read again when they change")
}

// apply sets what the flags say, or returns what is wrong with one of them.
func (f *addressFlags) apply(o *app.Options) error {
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
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			return terminal.Hint(errors.New("--admin-url: not the URL of a site"),
				"for example https://relay.example.com")
		}
		o.AdminURLs = append(o.AdminURLs, text)
	}
	return nil
}

// listenHint adds to a listen error the flag of the address and a hint.
func listenHint(err error) error {
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

// byteSize is the value of a flag for a size: 1048576, 1024KiB or 1MiB.
type byteSize int64

func (b *byteSize) String() string {
	n := int64(*b)
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + "KiB"
	}
	return strconv.FormatInt(n, 10)
}

func (b *byteSize) Type() string { return "SIZE" }

func (b *byteSize) Set(text string) error {
	unit := int64(1)
	digits := text
	for suffix, size := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if rest, ok := strings.CutSuffix(text, suffix); ok {
			unit, digits = size, rest
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n <= 0 || n > (1<<40)/unit {
		return errors.New("want a size such as 1048576, 512KiB or 2MiB")
	}
	*b = byteSize(n * unit)
	return nil
}
