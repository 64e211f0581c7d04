// Package ntfy sends messages to ntfy, as push notifications.
package ntfy

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/service"
)

// Config are the settings of a notifier of type ntfy.
type Config struct {
	// Base URL of the server. Default: https://ntfy.sh/.
	Server string `yaml:"server"`
	// Access token (tk_…), for topics with restricted access.
	Token notifiers.Secret `yaml:"token" secret:"true"`
	// User and password, in place of a token.
	Username string `yaml:"username"`
	// Password of username.
	Password notifiers.Secret `yaml:"password" secret:"true"`
	// Proxy for requests: http://, https:// or socks5://, with name and password if it needs them. Default: the one of the
	// variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyURL notifiers.Secret `yaml:"proxy_url" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type ntfy.
type Options struct {
	// Topic to publish to: letters, digits, _ and -. On a public server anyone who knows the topic can read it.
	Topic string `yaml:"topic" json:"topic,omitempty" as:"text" empty:"inherit"`
	// Priority: min, low, default, high or max (or urgent), or 1 to 5. Default: high for an error, else default.
	Priority string `yaml:"priority" json:"priority,omitempty" as:"text"`
	// Tags; names of emoji become emoji.
	Tags []string `yaml:"tags" json:"tags,omitempty" as:"text"`
	// URL that a tap on the notification opens. Default: the run, defect and so on of the event.
	Click string `yaml:"click" json:"click,omitempty" as:"link"`
}

//go:embed kind.yaml
var example string

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "ntfy",
		Summary: "a push notification to phones and desktops, by ntfy",
		Config:  func() any { return &Config{Server: "https://ntfy.sh/", Timeout: 10 * time.Second} },
		Sample:  func() any { return &Config{Server: "https://ntfy.sh/", Timeout: time.Second} },
		Options: Options{},
		New:     service.New(define),
		Refuse:  service.Refuse[Config](refuse),
		Warn:    warn,
		Missing: missing,

		Concurrency: 2,
		// https://docs.ntfy.sh/config/#rate-limiting
		Rate:      notifiers.Rate{Messages: 1, Per: 5 * time.Second, Burst: 60},
		Delivered: delivered,
		Markup:    notifiers.PlainText,
		Digest:    notifiers.Room{Max: 3000, Unit: notifiers.Bytes},
		Limits: []notifiers.Limit{
			{Paths: "message", Max: 4096, Unit: notifiers.Bytes},
			{Paths: "title", Max: 300},
		},
		Needs:   "`topic`",
		Notes:   "push notifications; `server` of your own; `token`, or `username` and `password`",
		Example: example,
	}
}

func delivered(r notifiers.Receipt, _ string) string {
	var answer struct {
		Topic string `json:"topic"`
	}
	_ = json.Unmarshal([]byte(r.Response), &answer)
	return "ntfy has taken it for all who subscribe to " + answer.Topic
}

func missing(_ any, options map[string]bool) (what, hint string) {
	if options["topic"] {
		return "", ""
	}
	return "has no topic to publish to", "add topic: a-name-hard-to-guess here or on the notifier"
}

func define(c Config, o Options) service.Definition[Options, post] {
	o.Topic = cmp.Or(o.Topic, "later") // without one the messages have their own
	login, basic := c.login()
	return service.Definition[Options, post]{
		Endpoint: service.Endpoint{Service: "ntfy", Key: "server", URL: service.WithSlash(c.Server), Timeout: c.Timeout, Proxy: c.ProxyURL,
			Secrets: []string{c.Token.Value(), c.Password.Value(), basic}},
		Faults: []error{service.CheckBase("server", c.Server, "https://ntfy.sh/"), c.checkLogin(),
			notifiers.Faults(refuse(o))},
		Refuse: refuse, Compose: compose, Classify: classify,
		Call: func(p post) service.Call {
			return service.Call{Doing: "publishing to ntfy topic " + p.Topic, Header: login}
		},
		Probe: func(ctx context.Context, s *service.Service, _ []Options) (string, error) {
			return probe(ctx, s, login)
		},
	}
}

// warn returns remarks on a server that is the address of a topic.
func warn(config any) []notifiers.Advice {
	u, err := httpclient.ParseURL(config.(*Config).Server)
	switch topic := ""; {
	case err != nil:
	case httpclient.IsPlaceholder(u.Hostname()):
		return httpclient.WarnKey("server", "it is a placeholder, which waits to be replaced",
			"write the base URL of the server, such as https://ntfy.sh/")
	case httpclient.IsBelow(u, "ntfy.sh") && strings.Trim(u.Path, "/") != "":
		topic = strings.Trim(u.Path, "/")
		return httpclient.WarnKey("server", "it has a topic behind the address of the server",
			"write server: https://ntfy.sh/ and topic: "+notifiers.Cut(topic, 64))
	}
	return nil
}

// checkLogin refuses a token beside a password, and half a login.
func (c Config) checkLogin() error {
	switch {
	case c.Token.IsSet() && (c.Username != "" || c.Password.IsSet()):
		return notifiers.Fault("token", "there is a username or password too; write one way to log in")
	case (c.Username != "") != c.Password.IsSet():
		return notifiers.Fault("username", "a username needs a password, and a password a username")
	}
	return nil
}

// refuse returns remarks on the options of a message.
func refuse(o Options) (all []notifiers.Advice) {
	switch topic := notifiers.OneLine(o.Topic); {
	case topic == "":
		all = append(all, notifiers.Advice{Path: []string{"topic"}, Wrong: true, Message: "there is none",
			Hint: "write one here or on the notifier"})
	case !regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`).MatchString(topic):
		all = append(all, notifiers.Unfit("topic", topic, "is not valid", "use up to 64 letters, digits, _ and -"))
	}
	if word := lowerLine(o.Priority); priority(word, "") == 0 {
		all = append(all, notifiers.Unfit("priority", word, "is not valid",
			"write min, low, default, high, max or urgent, or 1 to 5"))
	}
	if _, ok := markup.CleanURL(o.Click); !ok && strings.TrimSpace(o.Click) != "" {
		unused := notifiers.Unfit("click", o.Click, "is not an address, so a tap leads to Qase",
			"write one that begins with https://")
		unused.Wrong = false
		all = append(all, unused)
	}
	return all
}

func lowerLine(s string) string { return strings.ToLower(notifiers.OneLine(s)) }

// probe asks for the health of the server, and whether it knows the credentials, if there are any.
func probe(ctx context.Context, s *service.Service, login map[string]string) (string, error) {
	var health struct {
		Healthy bool `json:"healthy"`
	}
	_, err := s.Deliver(ctx, service.Call{Doing: "asking whether the ntfy server is well", Method: http.MethodGet,
		URL: s.URL + "v1/health"}, func(a service.Answer) service.Outcome {
		if a.Code == http.StatusOK && json.Unmarshal(a.Body, &health) != nil {
			return service.Outcome{Class: service.UnexpectedBody, Detail: string(a.Body)}
		}
		return classifyFailure(a)
	})
	switch {
	case err != nil:
		return "", err
	case !health.Healthy:
		return "", &notifiers.TransientError{Reason: notifiers.ReasonServer,
			Err: errors.New("the ntfy server says that it is not well")}
	case len(login) == 0:
		return "the server is well", nil
	}
	_, err = s.Deliver(ctx, service.Call{Doing: "logging in to the ntfy server", Method: http.MethodGet,
		URL: s.URL + "v1/account", Header: login}, classifyFailure)
	if err != nil {
		return "", err
	}
	return "the server is well and knows the credentials; whether they may write to the topic shows with the first " +
		"message", nil
}

// login returns the header with the credentials, or nil, and the credentials of a username in base64.
func (c Config) login() (header map[string]string, basic string) {
	basic = base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password.Value()))
	switch {
	case c.Token.IsSet():
		header = map[string]string{"Authorization": "Bearer " + c.Token.Value()}
	case c.Username != "":
		header = map[string]string{"Authorization": "Basic " + basic}
	}
	return header, basic
}

// classify reads the answer to a message.
func classify(a service.Answer) service.Outcome {
	var said struct {
		ID string `json:"id"`
	}
	if a.Code == http.StatusOK && (json.Unmarshal(a.Body, &said) != nil || said.ID == "") {
		return service.Outcome{Class: service.UnexpectedBody, Detail: string(a.Body)}
	}
	return classifyFailure(a)
}

// classifyFailure reads the error in an answer, if there is one.
func classifyFailure(a service.Answer) service.Outcome {
	var said struct {
		Code  int    `json:"code"`
		Error string `json:"error"`
	}
	// An answer that is not JSON has no error to read; its status says enough.
	_ = json.Unmarshal(a.Body, &said)
	v := service.Outcome{Detail: said.Error}
	switch a.Code {
	case http.StatusForbidden: // the topic, which a rule may choose; other topics may be allowed
		v.Reason = notifiers.ReasonClient
		v.Advice = "check token, or username and password, and that they may write to the topic"
	case http.StatusUnauthorized:
		v.Advice = "check token, or username and password, and that they may write to the topic"
	case http.StatusBadRequest:
		v.Advice = "the server does not take this message; check topic, priority, tags and click"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		v.Advice = "check server: the base URL of an ntfy server"
	}
	return v
}
