// Package pagerduty sends messages to PagerDuty, as alerts by the Events API v2.
package pagerduty

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/service"
)

// Config are the settings of a notifier of type pagerduty.
type Config struct {
	// Integration key of a service's integration “Events API v2”.
	RoutingKey notifiers.Secret `yaml:"routing_key" secret:"true"`
	// Base URL of the Events API. Default: https://events.pagerduty.com/; in Europe https://events.eu.pagerduty.com/.
	APIURL string `yaml:"api_url"`
	// Proxy for requests: http://, https:// or socks5://, with name and password if it needs them. Default: the one of the
	// variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyURL notifiers.Secret `yaml:"proxy_url" secret:"true"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type pagerduty.
type Options struct {
	// Event action: trigger, acknowledge or resolve. Default: a success resolves, all else triggers.
	Action string `yaml:"action" json:"action,omitempty" as:"text"`
	// Key of the alert: messages with the same key update one alert. Default: for runs that end the plan and
	// environment, so that the next green one resolves it; else, and without a plan, the thing that the event is about.
	DedupKey string `yaml:"dedup_key" json:"dedup_key,omitempty" as:"text"`
	// Severity: critical, error, warning or info (or success, for info). Default: by level.
	Severity string `yaml:"severity" json:"severity,omitempty" as:"text"`
	// Source: the affected system. Default: Qase and the project.
	Source string `yaml:"source" json:"source,omitempty" as:"text"`
}

//go:embed kind.yaml
var example string

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "pagerduty",
		Summary: "an alert in PagerDuty, which a success resolves",
		Config: func() any {
			return &Config{APIURL: "https://events.pagerduty.com/", Timeout: 10 * time.Second}
		},
		Sample: func() any {
			return &Config{RoutingKey: notifiers.NewSecret("preview"), APIURL: "https://events.pagerduty.com/",
				Timeout: time.Second}
		},
		Options:     Options{},
		New:         service.New(define),
		Warn:        warn,
		Refuse:      service.Refuse[Config](refuse),
		Concurrency: 4,
		Closes:      closes,
		Rate:        notifiers.Rate{Messages: 120, Per: time.Minute, Burst: 20},
		Delivered:   delivered,
		Markup:      notifiers.PlainText,
		Limits: []notifiers.Limit{
			{Paths: "payload.summary", Max: 1024},
			{Paths: "dedup_key", Max: 255, Unit: notifiers.Bytes},
			{Max: 512_000, Unit: notifiers.Bytes},
		},
		Needs: "`routing_key`",
		Notes: "Events API v2; a message of level success resolves the alert of the same `dedup_key`, by " +
			"default that of the plan and environment whose run ended, else of the one run or defect; " +
			"`api_url` for Europe",
		Example: example,
	}
}

// closes reports whether a message resolves its alert.
func closes(_ any, defaults, own json.RawMessage, level string) bool {
	o, err := notifiers.MergeOptions[Options](defaults, own)
	var m notifiers.Message
	o.Action, m.Level = lowerLine(o.Action), level
	return err == nil && alertAction(o, &m) == "resolve"
}

// delivered names the alert, and the command that resolves it.
func delivered(r notifiers.Receipt, retest string) string {
	var answer struct {
		DedupKey string `json:"dedup_key"`
	}
	_ = json.Unmarshal([]byte(r.Response), &answer)
	return fmt.Sprintf("PagerDuty has taken it for the alert %s; to resolve that: %s --level success", answer.DedupKey,
		retest)
}

// keyLength is the length of an integration key.
const keyLength = 32

// warn returns remarks on a routing key that PagerDuty itself can only refuse.
func warn(config any) []notifiers.Advice {
	c := config.(*Config)
	u, err := httpclient.ParseURL(c.APIURL)
	if n := len(c.RoutingKey.Value()); err == nil && !httpclient.IsPlaceholder(c.RoutingKey.Value()) && httpclient.IsBelow(u, "pagerduty.com") && n != keyLength {
		return httpclient.WarnKey("routing_key", fmt.Sprintf("it has %d characters, and an integration key has %d", n,
			keyLength), "write the Integration Key of the service's integration “Events API v2”")
	}
	return nil
}

// define describes the Events API v2. The alert's key makes a second attempt harmless.
func define(c Config, o Options) service.Definition[Options, event] {
	var noKey error
	if !c.RoutingKey.IsSet() {
		noKey = notifiers.Fault("routing_key", "missing; write the key of the service's integration “Events API v2”")
	}
	return service.Definition[Options, event]{
		Endpoint: service.Endpoint{Service: "PagerDuty", Key: "api_url", Timeout: c.Timeout, Proxy: c.ProxyURL,
			URL: service.WithSlash(c.APIURL) + "v2/enqueue", Secrets: []string{c.RoutingKey.Value()}},
		Faults: []error{service.CheckBase("api_url", c.APIURL, "https://events.eu.pagerduty.com/"), noKey,
			notifiers.Faults(refuse(o))},
		Refuse: refuse, Compose: compose, Classify: classify,
		Call: func(e event) service.Call {
			e.RoutingKey = c.RoutingKey.Value()
			return service.Call{Doing: "sending to PagerDuty", Body: e}
		},
	}
}

// refuse returns remarks on the options of a message.
func refuse(o Options) (all []notifiers.Advice) {
	actions := []string{"", "trigger", "acknowledge", "resolve"}
	severities := []string{"", "critical", "error", "warning", "info", success}
	if !slices.Contains(actions, lowerLine(o.Action)) {
		all = append(all, notifiers.Unfit("action", o.Action, "is not valid", "write trigger, acknowledge or resolve"))
	}
	if !endsAlert(o) && !slices.Contains(severities, lowerLine(o.Severity)) {
		all = append(all, notifiers.Unfit("severity", o.Severity, "is not valid",
			"write critical, error, warning or info"))
	}
	return all
}

// endsAlert reports whether the action of a message is one that has no severity.
func endsAlert(o Options) bool {
	action := lowerLine(o.Action)
	return action == "acknowledge" || action == "resolve"
}

// success is the level whose messages resolve an alert. As the severity of one that is triggered nevertheless it stands
// for info.
const success = "success"

func lowerLine(s string) string { return strings.ToLower(notifiers.OneLine(s)) }

// classify reads an answer of the Events API.
func classify(a service.Answer) service.Outcome {
	var said struct {
		Status  string   `json:"status"`
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	err := json.Unmarshal(a.Body, &said)
	v := service.Outcome{Detail: strings.TrimSpace(said.Message + " " + strings.Join(said.Errors, "; "))}
	text := strings.ToLower(v.Detail)
	switch {
	case a.Code < 300 && (err != nil || said.Status != "success"):
		v.Class = service.UnexpectedBody
	case strings.Contains(text, "routing") || strings.Contains(text, "integration key"):
		v.Reason = notifiers.ReasonAuth
		v.Advice = "put the key of the service's integration “Events API v2” into routing_key, and check that " +
			"api_url is of its region"
	case a.Code == http.StatusBadRequest:
		v.Advice = "PagerDuty does not take this event; change its title, body or options"
	case a.Code == http.StatusUnauthorized, a.Code == http.StatusForbidden, a.Code == http.StatusNotFound:
		v.Advice = "check routing_key and api_url"
	}
	return v
}
