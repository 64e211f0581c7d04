// Package email sends messages as emails over SMTP.
package email

import (
	"cmp"
	"context"
	"crypto/tls"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/preview"
)

// Config are the settings of a notifier of type email.
type Config struct {
	// Name or address of the mail server.
	Host string `yaml:"host"`
	// Port of the mail server. Default: 587, or 465 for tls: implicit, or 25 for tls: none.
	Port int `yaml:"port"`
	// Name to log in with; empty for no login.
	Username string `yaml:"username"`
	// Password to log in with, or for xoauth2 the access token.
	Password notifiers.Secret `yaml:"password" secret:"true"`
	// Gets access tokens with OAuth 2.0 client credentials, in place of a password; auth is then xoauth2.
	OAuth2 *httpclient.OAuth2 `yaml:"oauth2"`
	// How the connection is encrypted: starttls, implicit or none. Default: starttls.
	TLS string `yaml:"tls"`
	// Certificates (PEM) of the authorities to trust, in place of the system's; the server's own if it is
	// self-signed.
	TLSCA string `yaml:"tls_ca" secret:"true"`
	// Name that the server's certificate is for. Default: host.
	TLSServerName string `yaml:"tls_server_name"`
	// How to log in. Default: auto, the safest way that the server offers.
	Auth string `yaml:"auth"`
	// Sender (From) of the emails, such as "Qase <qase@example.com>".
	From string `yaml:"from"`
	// Name sent in HELO or EHLO. Default: the name of this host.
	Hello string `yaml:"hello"`
	// Proxy for the requests of oauth2; emails go to the server directly. Default: the one of the variables HTTP_PROXY,
	// HTTPS_PROXY and NO_PROXY.
	ProxyURL notifiers.Secret `yaml:"proxy_url" secret:"true"`
	// Longest time for one attempt. Default: 30s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type email.
type Options struct {
	// Recipients.
	To []string `yaml:"to" json:"to,omitempty" as:"address" carries:"true"`
	// Recipients of a copy (Cc).
	Cc []string `yaml:"cc" json:"cc,omitempty" as:"address" carries:"true"`
	// Recipients of a blind copy (Bcc).
	Bcc []string `yaml:"bcc" json:"bcc,omitempty" as:"address" carries:"true"`
	// Reply-To addresses. Default: the sender.
	ReplyTo []string `yaml:"reply_to" json:"reply_to,omitempty" as:"address" replies:"true"`
	// Subject of the email. Default: the title.
	Subject string `yaml:"subject" json:"subject,omitempty" as:"text"`
	// Emails with the same key are threaded, under the subject of the first unless a subject is set. Default: the run,
	// defect and so on of the event, each email under its own title. none does not thread.
	Thread notifiers.Key `yaml:"thread" json:"thread,omitzero" as:"key"`
}

// concurrency is the number of emails that a notifier sends at a time.
const concurrency = 4

//go:embed kind.yaml
var example string

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "email",
		Summary: "an email, as text and HTML, by an SMTP server",
		Config: func() any {
			return &Config{TLS: "starttls", Auth: "auto", Timeout: 30 * time.Second}
		},
		Sample: func() any {
			return &Config{Host: "localhost", From: "Qase <qase@example.com>", TLS: "none", Auth: "none",
				Timeout: time.Second}
		},
		Options:     Options{},
		New:         newNotifier,
		Warn:        warn,
		Missing:     missing,
		Refuse:      notifiers.Refusing(func(_ Config, o Options) []notifiers.Advice { return o.refuse() }),
		Concurrency: concurrency,
		Delivered:   delivered,
		Markup:      notifiers.Mail,
		Digest:      notifiers.Room{Max: 100_000},
		Limits:      []notifiers.Limit{}, // the receiver decides
		Needs:       "`host`, `from`",
		Notes: "text and HTML; `port`, `hello`, `tls: starttls\\|implicit\\|none`, `tls_ca` (or `tls_ca_file`), " +
			"`tls_server_name`, `username`, `password` or `oauth2`, `auth`; one refused recipient does not " +
			"stop the others, and each person gets one email; emails about one thing are threaded, in Gmail " +
			"with a `thread` or `subject` of their own",
		Example: example,
	}
}

// warn returns remarks on settings with which no email can be sent, or with which all can read the password.
func warn(config any) []notifiers.Advice {
	c := config.(*Config)
	switch {
	case httpclient.IsPlaceholder(c.Host):
		return httpclient.WarnKey("host", "it is a placeholder, which waits to be replaced", "write the name of the mail server")
	case c.Password.IsSet() && c.Username == "":
		return httpclient.WarnKey("password", "it is not used without a username", "add username: …, or leave out the password")
	case isLoopback(c.Host):
	case c.Port == 465 && c.TLS != "implicit":
		return []notifiers.Advice{{Path: []string{"tls", "port"}, Hint: "write tls: implicit, or port: 587",
			Message: fmt.Sprintf("465 is the port for TLS from the beginning, and tls is %s", c.TLS)}}
	case (c.Port == 587 || c.Port == 25) && c.TLS == "implicit":
		return httpclient.WarnKey("tls", fmt.Sprintf("port %d begins without TLS, and tls is implicit", c.Port),
			"write tls: starttls, or port: 465")
	case c.TLS == "none" && c.Password.IsSet() && c.Auth == "auto":
		return httpclient.WarnKey("tls", "the password would be shown to the network, so most logins fail",
			"write tls: starttls or tls: implicit, or leave out the password")
	}
	return nil
}

func delivered(notifiers.Receipt, string) string {
	return "the mail server has accepted it; if it does not arrive, look in the spam and ask the servers behind it"
}

func missing(_ any, options map[string]bool) (what, hint string) {
	if options["to"] || options["cc"] || options["bcc"] {
		return "", ""
	}
	return "has no recipient", "add to: [someone@example.com] here or on the notifier"
}

// notifier sends emails over a few connections to one server, which stay open for a while.
type notifier struct {
	config   Config
	from     *mail.Address
	defaults json.RawMessage
	trust    *tls.Config
	layout   *template.Template
	tokens   *httpclient.TokenCache // nil without oauth2
	guard    httpclient.DialGuard
	mask     httpclient.Redactor
	pool     sessionPool
}

// newNotifier checks the settings and returns a notifier. It does not use the network.
func newNotifier(config any, defaults json.RawMessage) (notifiers.Notifier, error) {
	c := *config.(*Config)
	if c.OAuth2 != nil && c.Auth == "auto" {
		c.Auth = "xoauth2"
	}
	from, faults := c.check()
	proxy, badProxy := httpclient.ParseProxy(c.ProxyURL)
	if c.ProxyURL.IsSet() && c.OAuth2 == nil {
		badProxy = notifiers.Fault("proxy_url", "emails go to the mail server directly, not by a proxy; remove it, or "+
			"let host be a mail server that this machine reaches")
	}
	trust, err := httpclient.TLS{CA: c.TLSCA, ServerName: cmp.Or(c.TLSServerName, c.Host)}.Client("tls_")
	if err := errors.Join(append(faults, checkDefaults(defaults), err, badProxy)...); err != nil {
		return nil, err
	}
	if c.Port == 0 {
		c.Port = map[string]int{"starttls": 587, "implicit": 465, "none": 25}[c.TLS]
	}
	layout, err := template.New("email").Parse(layoutHTML)
	if err != nil {
		return nil, fmt.Errorf("reading the layout of emails: %w", err)
	}
	password := c.Password.Value()
	n := &notifier{config: c, from: from, defaults: defaults, trust: trust, layout: layout}
	n.mask = httpclient.NewRedactor(password, "\x00"+c.Username+"\x00"+password)
	if c.OAuth2 != nil {
		n.tokens = httpclient.NewTokenCache(c.OAuth2, httpclient.Route{Proxy: proxy}.Client())
		n.mask = httpclient.NewRedactor(append(httpclient.URLSecrets(c.ProxyURL.Value()), c.OAuth2.Secrets()...)...)
	}
	return n, nil
}

// check returns the sender, and the faults of the settings.
func (c Config) check() (from *mail.Address, faults []error) {
	faults = append(faults, c.checkHost())
	if c.Port < 0 || c.Port > 65535 {
		faults = append(faults, notifiers.Fault("port", "not a port; write one such as 587"))
	}
	from, err := parseAddress(c.From)
	if err != nil {
		faults = append(faults, notifiers.Fault("from",
			"%q is not a valid email address; write one such as Qase <qase@example.com>", c.From))
	}
	if strings.ContainsAny(c.Hello, " \r\n") {
		faults = append(faults, notifiers.Fault("hello", "not the name of a host"))
	}
	if c.OAuth2 != nil {
		faults = append(faults, c.OAuth2.Check()...)
	}
	return from, append(faults, c.checkTLS(), c.checkAuth(), httpclient.CheckTimeout(c.Timeout))
}

// checkHost checks the name of the mail server, which is neither a URL nor followed by a port.
func (c Config) checkHost() error {
	scheme, rest, isURL := strings.Cut(c.Host, "://")
	host, port, withPort := net.SplitHostPort(strings.TrimSuffix(cmp.Or(rest, scheme), "/"))
	switch {
	case isURL && withPort == nil:
		return notifiers.Fault("host", "it is a name, not a URL; write host: %s and port: %s", host, port)
	case isURL:
		return notifiers.Fault("host", "it is a name, not a URL; write host: %s", strings.TrimSuffix(rest, "/"))
	case withPort == nil && host != "":
		return notifiers.Fault("host", "the port has a key of its own; write host: %s and port: %s", host, port)
	case c.Host == "" || strings.ContainsAny(c.Host, " /@\r\n"):
		return notifiers.Fault("host", "write the name of the mail server, such as smtp.example.com")
	}
	return nil
}

func (c Config) checkTLS() error {
	if modes := []string{"starttls", "implicit", "none"}; !slices.Contains(modes, c.TLS) {
		return notifiers.Fault("tls", "%q is not one of %s", c.TLS, strings.Join(modes, ", "))
	}
	return nil
}

func (c Config) checkAuth() error {
	// The last ones do not send the password. Those with plus bind the login to the encrypted connection, which keeps a
	// man in the middle from using it.
	modes := []string{"auto", "plain", "login", "xoauth2", "none",
		"cram-md5", "scram-sha-1", "scram-sha-256", "scram-sha-1-plus", "scram-sha-256-plus"}
	switch {
	case !slices.Contains(modes, c.Auth):
		return notifiers.Fault("auth", "%q is not one of %s", c.Auth, strings.Join(modes, ", "))
	case c.OAuth2 != nil && c.Password.IsSet():
		return notifiers.Fault("oauth2", "password is set too; keep one of them")
	case c.OAuth2 != nil && c.Auth != "xoauth2":
		return notifiers.Fault("auth", "oauth2 needs xoauth2; write that, or leave auth out")
	case c.Username == "" && c.Auth != "auto" && c.Auth != "none":
		return notifiers.Fault("username", "missing; auth: %s needs one", c.Auth)
	case c.Username != "" && c.Auth != "none" && c.OAuth2 == nil && !c.Password.IsSet():
		return notifiers.Fault("password", "missing; username needs one (or write auth: none)")
	case c.TLS == "none" && showsPassword(c.Auth) && !isLoopback(c.Host):
		return notifiers.Fault("auth",
			"%s would show the password to the network; write tls: starttls or implicit", c.Auth)
	}
	return nil
}

// showsPassword reports whether a mechanism sends the password in plain text.
func showsPassword(auth string) bool { return auth == "plain" || auth == "login" || auth == "xoauth2" }

// isLoopback reports whether host is this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// checkDefaults checks the addresses of the notifier.
func checkDefaults(defaults json.RawMessage) error {
	o, err := notifiers.MergeOptions[Options](nil, defaults)
	if err != nil {
		return err
	}
	for _, a := range o.refuseAddresses() {
		return notifiers.Fault(a.Path[0], "%s", a.Message)
	}
	return nil
}

// refuse returns remarks on the options of a message. An invalid address is left out, and stops only an email that has
// no other.
func (o Options) refuse() []notifiers.Advice {
	all := o.refuseAddresses()
	if good, _ := parseAddresses(slices.Concat(o.To, o.Cc, o.Bcc)); len(good) > 0 {
		return all
	}
	none := notifiers.Advice{Path: []string{"to"}, Wrong: true, Message: "there is no recipient",
		Hint: "write one on the notifier or in the rule, such as to: [qa@example.com]"}
	for i := range all {
		if all[i].Path[0] != "reply_to" {
			all[i].Wrong, none.Wrong = true, false
		}
	}
	if none.Wrong {
		all = append(all, none)
	}
	return all
}

// refuseAddresses returns a remark on each address that is not valid.
func (o Options) refuseAddresses() (all []notifiers.Advice) {
	for _, of := range []struct {
		key  string
		list []string
	}{{"to", o.To}, {"cc", o.Cc}, {"bcc", o.Bcc}, {"reply_to", o.ReplyTo}} {
		for i, s := range of.list {
			if _, bad := parseAddresses([]string{s}); len(bad) == 0 {
				continue
			}
			a := notifiers.Unfit(of.key, s, "is not a valid email address", "write one such as bob@example.com")
			a.Path, a.Wrong = append(a.Path, strconv.Itoa(i)), false
			all = append(all, a)
		}
	}
	return all
}

// Preview implements [preview.Previewer]. It returns the email as the server gets it.
func (n *notifier) Preview(m *notifiers.Message) ([]byte, error) {
	rendered, err := n.compose(context.Background(), m)
	if err != nil {
		return nil, err
	}
	return rendered.data, nil
}

// Layout implements [preview.Previewer].
func (n *notifier) Layout(m *notifiers.Message) (*preview.Layout, error) {
	rendered, err := n.compose(context.Background(), m)
	return preview.Draw(rendered, rendered.layout, err)
}
