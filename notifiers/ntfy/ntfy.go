// Package ntfy sends messages to ntfy, as push notifications.
package ntfy

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/preview"
)

// Config is what can be written for a notifier of type ntfy.
type Config struct {
	// Base URL of the server. Default: https://ntfy.sh/.
	Server string `yaml:"server"`
	// Access token (tk_…), for topics that not everybody may write to.
	Token notifiers.Secret `yaml:"token" secret:"true"`
	// User and password, in place of a token.
	Username string `yaml:"username"`
	// Password of username.
	Password notifiers.Secret `yaml:"password" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type ntfy.
type Options struct {
	// Topic to publish to: letters, digits, _ and -. On a public server anyone who knows the topic can read it.
	Topic string `yaml:"topic" json:"topic,omitempty" as:"text"`
	// How urgent it is: min, low, default, high or max, or 1 to 5. Default: high for an error, else default.
	Priority string `yaml:"priority" json:"priority,omitempty" as:"text"`
	// Tags beside that of the level; names of emoji become emoji.
	Tags []string `yaml:"tags" json:"tags,omitempty" as:"text"`
	// Where a tap on the notification leads. Default: the thing that the event is about.
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
		New:     newNotifier,
		Missing: missing,

		Concurrency: 2,
		// https://docs.ntfy.sh/config/#rate-limiting
		Rate:      notifiers.Rate{Messages: 1, Per: 5 * time.Second, Burst: 60},
		Delivered: delivered,
		Markup:    notifiers.PlainText,
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

// notifier publishes to one server.
type notifier struct {
	*httpclient.Service
	config   Config
	defaults json.RawMessage
}

func newNotifier(config any, defaults json.RawMessage) (notifiers.Notifier, error) {
	c := *config.(*Config)
	o, err := notifiers.MergeOptions[Options](nil, defaults)
	faults := []error{err, httpclient.CheckTimeout(c.Timeout),
		httpclient.CheckAPIURL("server", c.Server, "https://ntfy.sh/")}
	switch {
	case c.Token.IsSet() && (c.Username != "" || c.Password.IsSet()):
		faults = append(faults,
			&notifiers.FieldError{Key: "token", Err: errors.New("there is a username or password too; write one way to log in")})
	case (c.Username != "") != c.Password.IsSet():
		faults = append(faults,
			&notifiers.FieldError{Key: "username", Err: errors.New("a username needs a password, and a password a username")})
	}
	if o.Topic == "" {
		o.Topic = "later" // comes with the message
	}
	if err := errors.Join(append(faults, o.check())...); err != nil {
		return nil, err
	}
	basic := base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password.Value()))
	return &notifier{httpclient.NewService("ntfy", "server", c.Timeout, c.Token.Value(), c.Password.Value(), basic), c,
		defaults}, nil
}

// check returns what is written wrong.
func (o Options) check() error {
	if !regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`).MatchString(o.Topic) {
		return &notifiers.FieldError{Key: "topic",
			Err: fmt.Errorf("%q is not valid; use up to 64 letters, digits, _ and -", notifiers.Cut(o.Topic, 100))}
	}
	if _, err := priority(o.Priority, ""); err != nil {
		return &notifiers.FieldError{Key: "priority", Err: err}
	}
	return nil
}

// Send publishes the message.
func (n *notifier) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	post, _, err := n.compose(m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	return n.Deliver(ctx, httpclient.ServiceCall{
		Doing: "publishing to ntfy topic " +
			post.Topic, URL: httpclient.WithSlash(n.config.Server), Header: n.login(), Body: post,
	}, classify)
}

// Preview implements [preview.Previewer].
func (n *notifier) Preview(m *notifiers.Message) ([]byte, error) {
	post, _, err := n.compose(m)
	return httpclient.PreviewJSON(post, err)
}

// Layout implements [preview.Previewer].
func (n *notifier) Layout(m *notifiers.Message) (*preview.Layout, error) {
	return preview.Draw(n.compose(m))
}

// Probe asks whether the server is well, and whether it knows the credentials, if there are any.
func (n *notifier) Probe(ctx context.Context, _ []json.RawMessage) (string, error) {
	var health struct {
		Healthy bool `json:"healthy"`
	}
	read := func(a httpclient.Answer) httpclient.Outcome {
		if a.Code == http.StatusOK && json.Unmarshal(a.Body, &health) != nil {
			return httpclient.Outcome{Class: httpclient.UnexpectedBody, Detail: string(a.Body)}
		}
		return classifyFailure(a)
	}
	base := httpclient.WithSlash(n.config.Server)
	call := httpclient.ServiceCall{Doing: "asking whether the ntfy server is well", Method: http.MethodGet, URL: base + "v1/health"}
	if _, err := n.Deliver(ctx, call, read); err != nil {
		return "", err
	}
	if !health.Healthy {
		return "", &notifiers.TransientError{Reason: notifiers.ReasonServer,
			Err: errors.New("the ntfy server says that it is not well")}
	}
	if len(n.login()) == 0 {
		return "the server is well", nil
	}
	_, err := n.Deliver(ctx, httpclient.ServiceCall{
		Doing: "logging in to the ntfy server", Method: http.MethodGet, URL: base + "v1/account", Header: n.login(),
	}, classifyFailure)
	if err != nil {
		return "", err
	}
	return "the server is well and knows the credentials; whether they may write to the topic shows with the first " +
		"message", nil
}

// login is the header that says who we are, or nil.
func (n *notifier) login() map[string]string {
	switch {
	case n.config.Token.IsSet():
		return map[string]string{"Authorization": "Bearer " + n.config.Token.Value()}
	case n.config.Username != "":
		pair := n.config.Username + ":" + n.config.Password.Value()
		return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}
	}
	return nil
}

// classify reads the answer to a message.
func classify(a httpclient.Answer) httpclient.Outcome {
	var said struct {
		ID string `json:"id"`
	}
	if a.Code == http.StatusOK && (json.Unmarshal(a.Body, &said) != nil || said.ID == "") {
		return httpclient.Outcome{Class: httpclient.UnexpectedBody, Detail: string(a.Body)}
	}
	return classifyFailure(a)
}

// classifyFailure reads the error in an answer, if there is one.
func classifyFailure(a httpclient.Answer) httpclient.Outcome {
	var said struct {
		Code  int    `json:"code"`
		Error string `json:"error"`
	}
	// An answer that is not JSON has no error to read; its status says enough.
	_ = json.Unmarshal(a.Body, &said)
	v := httpclient.Outcome{Detail: said.Error}
	switch a.Code {
	case http.StatusUnauthorized, http.StatusForbidden:
		v.Advice = "check token, or username and password, and that they may write to the topic"
	case http.StatusBadRequest:
		v.Advice = "the server does not take this message; check topic, priority, tags and click"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		v.Advice = "check server: the base URL of an ntfy server"
	}
	return v
}
