package notifiers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ntfy's limits (https://docs.ntfy.sh/publish/#limitations): a message of more than 4096 bytes becomes an attachment.
const (
	ntfyMessage = 4000
	ntfyTitle   = 250
	ntfyTags    = 10
	ntfyURL     = 1000
)

// ntfyConfig is what can be written for a notifier of type ntfy.
type ntfyConfig struct {
	// Base URL of the server. Default: https://ntfy.sh/.
	Server string `yaml:"server"`
	// Access token (tk_…), for topics that not everybody may write to.
	Token Secret `yaml:"token" secret:"true"`
	// User and password, in place of a token.
	Username string `yaml:"username"`
	// Password of username.
	Password Secret `yaml:"password" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// ntfyOptions are the message options of type ntfy.
type ntfyOptions struct {
	// Topic to publish to: letters, digits, _ and -. On a public server whoever knows it can read it.
	Topic string `yaml:"topic" json:"topic,omitempty" as:"text"`
	// How urgent it is: min, low, default, high or max, or 1 to 5. Default: high for an error, else default.
	Priority string `yaml:"priority" json:"priority,omitempty" as:"text"`
	// Tags beside that of the level; names of emoji become emoji.
	Tags []string `yaml:"tags" json:"tags,omitempty" as:"text"`
	// Where a tap on the notification leads. Default: the thing that the event is about.
	Click string `yaml:"click" json:"click,omitempty" as:"link"`
}

func ntfyKind() Kind {
	return Kind{
		Type:    "ntfy",
		Summary: "a push notification to phones and desktops, by ntfy",
		Config:  func() any { return &ntfyConfig{Server: "https://ntfy.sh/", Timeout: 10 * time.Second} },
		Sample:  func() any { return &ntfyConfig{Server: "https://ntfy.sh/", Timeout: time.Second} },
		Options: ntfyOptions{},
		New:     newNtfy,
		Missing: ntfyMissing,

		Concurrency: 2,
		Rate:        Rate{Messages: 1, Per: 5 * time.Second, Burst: 60}, // https://docs.ntfy.sh/config/#rate-limiting
	}
}

func ntfyMissing(_ any, options map[string]bool) (what, hint string) {
	if options["topic"] {
		return "", ""
	}
	return "has no topic to publish to", "add topic: a-name-hard-to-guess here or on the notifier"
}

// ntfyNotifier publishes to one server.
type ntfyNotifier struct {
	*service
	config   ntfyConfig
	defaults json.RawMessage
}

func newNtfy(config any, defaults json.RawMessage) (Notifier, error) {
	c := *config.(*ntfyConfig)
	o, err := mergeOptions[ntfyOptions](nil, defaults)
	faults := []error{err, checkTimeout(c.Timeout), checkAPIURL("server", c.Server, "https://ntfy.sh/")}
	switch {
	case c.Token.IsSet() && (c.Username != "" || c.Password.IsSet()):
		faults = append(faults, &FieldError{"token", errors.New("there is a username or password too; write one way to log in")})
	case (c.Username != "") != c.Password.IsSet():
		faults = append(faults, &FieldError{"username", errors.New("a username needs a password, and a password a username")})
	}
	if o.Topic == "" {
		o.Topic = "later" // comes with the message
	}
	if err := errors.Join(append(faults, o.check())...); err != nil {
		return nil, err
	}
	basic := base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password.Value()))
	return &ntfyNotifier{newService("ntfy", "server", c.Timeout, c.Token.Value(), c.Password.Value(), basic), c, defaults}, nil
}

// check returns what is written wrong.
func (o ntfyOptions) check() error {
	if !regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`).MatchString(o.Topic) {
		return &FieldError{"topic", fmt.Errorf("%q is none; use up to 64 letters, digits, _ and -", cut(o.Topic, 100))}
	}
	if _, err := ntfyPriority(o.Priority, ""); err != nil {
		return &FieldError{"priority", err}
	}
	return nil
}

// Send publishes the message.
func (n *ntfyNotifier) Send(ctx context.Context, m *Message) (Receipt, error) {
	post, err := n.compose(m)
	if err != nil {
		return Receipt{}, &PermanentError{Err: err}
	}
	return n.deliver(ctx, serviceCall{
		doing: "publishing to ntfy topic " + post.Topic, url: withSlash(n.config.Server), header: n.login(), body: post,
	}, readNtfy)
}

// Preview returns the message as the server would get it.
func (n *ntfyNotifier) Preview(m *Message) ([]byte, error) {
	post, err := n.compose(m)
	return previewJSON(post, err)
}

// Probe asks whether the server is well, and whether it knows the credentials, if there are any.
func (n *ntfyNotifier) Probe(ctx context.Context, _ []json.RawMessage) (string, error) {
	var health struct {
		Healthy bool `json:"healthy"`
	}
	read := func(a answer) verdict {
		if a.code == http.StatusOK && json.Unmarshal(a.body, &health) != nil {
			return verdict{fate: strange, detail: string(a.body)}
		}
		return ntfyFailure(a)
	}
	base := withSlash(n.config.Server)
	if _, err := n.deliver(ctx, serviceCall{doing: "asking whether the ntfy server is well", method: http.MethodGet, url: base + "v1/health"}, read); err != nil {
		return "", err
	}
	if !health.Healthy {
		return "", &transientError{ReasonServer, errors.New("the ntfy server says that it is not well")}
	}
	if len(n.login()) == 0 {
		return "the server is well", nil
	}
	_, err := n.deliver(ctx, serviceCall{
		doing: "logging in to the ntfy server", method: http.MethodGet, url: base + "v1/account", header: n.login(),
	}, ntfyFailure)
	if err != nil {
		return "", err
	}
	return "the server is well and knows the credentials; whether they may write to the topic shows with the first message", nil
}

// login is the header that says who we are, or nil.
func (n *ntfyNotifier) login() map[string]string {
	switch {
	case n.config.Token.IsSet():
		return map[string]string{"Authorization": "Bearer " + n.config.Token.Value()}
	case n.config.Username != "":
		pair := n.config.Username + ":" + n.config.Password.Value()
		return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}
	}
	return nil
}

// readNtfy reads the answer to a message.
func readNtfy(a answer) verdict {
	var said struct {
		ID string `json:"id"`
	}
	if a.code == http.StatusOK && (json.Unmarshal(a.body, &said) != nil || said.ID == "") {
		return verdict{fate: strange, detail: string(a.body)}
	}
	return ntfyFailure(a)
}

// ntfyFailure reads the error in an answer, if there is one.
func ntfyFailure(a answer) verdict {
	var said struct {
		Code  int    `json:"code"`
		Error string `json:"error"`
	}
	// An answer that is no JSON has no error to read; its status says enough.
	_ = json.Unmarshal(a.body, &said)
	v := verdict{detail: said.Error}
	switch a.code {
	case http.StatusUnauthorized, http.StatusForbidden:
		v.advice = "check token, or username and password, and that they may write to the topic"
	case http.StatusBadRequest:
		v.advice = "the server does not take this message; check topic, priority, tags and click"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		v.advice = "check server: the base URL of an ntfy server"
	}
	return v
}

// ntfyPost is a message in JSON (https://docs.ntfy.sh/publish/#publish-as-json).
type ntfyPost struct {
	Topic    string       `json:"topic"`
	Title    string       `json:"title"`
	Message  string       `json:"message"`
	Priority int          `json:"priority"`
	Tags     []string     `json:"tags,omitempty"`
	Click    string       `json:"click,omitempty"`
	Actions  []ntfyAction `json:"actions,omitempty"`
}

type ntfyAction struct {
	Action string `json:"action"`
	Label  string `json:"label"`
	URL    string `json:"url"`
}

// compose lays a message out as plain text: not all of ntfy's apps show Markdown.
func (n *ntfyNotifier) compose(m *Message) (ntfyPost, error) {
	o, err := mergeOptions[ntfyOptions](n.defaults, m.Options)
	if err != nil {
		return ntfyPost{}, err
	}
	o.Topic, o.Priority = oneLine(o.Topic), strings.ToLower(oneLine(o.Priority))
	if err := o.check(); err != nil {
		return ntfyPost{}, err
	}
	post := ntfyPost{Topic: o.Topic, Title: inert(titleLine(m, ntfyTitle), false), Tags: []string{ntfyTag(m.Level)}}
	// check has seen that it is one.
	post.Priority, _ = ntfyPriority(o.Priority, m.Level)
	for _, tag := range o.Tags {
		if tag = cut(oneLine(tag), 50); tag != "" && len(post.Tags) < ntfyTags {
			post.Tags = append(post.Tags, inert(tag, false))
		}
	}
	if post.Click = messageURL(m, ntfyURL); post.Click != "" {
		post.Actions = []ntfyAction{{"view", "Open in Qase", post.Click}}
	}
	if click, ok := cleanURL(o.Click); ok && len(click) <= ntfyURL {
		post.Click = click
	}
	foot := inert(originLine(m), false)
	post.Message = foot
	if body := plainBody(m.wholeBody(), ntfyMessage-len("\n\n")-len(foot)); strings.TrimSpace(body) != "" {
		post.Message = body + "\n\n" + foot
	}
	return post, nil
}

// ntfyPriority is the number of a priority; where none is written, that of the level.
func ntfyPriority(word, level string) (int, error) {
	words := []string{"min", "low", "default", "high", "max"}
	switch i := slices.Index(words, word); {
	case i >= 0:
		return i + 1, nil
	case len(word) == 1 && word[0] >= '1' && word[0] <= '5':
		return int(word[0] - '0'), nil
	case word == "" && level == "error":
		return 4, nil
	case word == "":
		return 3, nil
	}
	return 0, fmt.Errorf("%q is none; write min, low, default, high or max, or 1 to 5", cut(word, 100))
}

// ntfyTag is the emoji that stands for a level (https://docs.ntfy.sh/emojis/).
func ntfyTag(level string) string {
	switch level {
	case "success":
		return "white_check_mark"
	case "warning":
		return "warning"
	case "error":
		return "x"
	}
	return "information_source"
}
