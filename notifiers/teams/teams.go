// Package teams sends messages to Microsoft Teams, as Adaptive Cards by a workflow.
package teams

import (
	_ "embed"
	"encoding/json"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/service"
)

// Config are the settings of a notifier of type teams.
type Config struct {
	// URL of a workflow that begins with “When a Teams webhook request is received” and posts the card.
	WebhookURL notifiers.Secret `yaml:"webhook_url" secret:"true"`
	// Proxy for requests: http://, https:// or socks5://, with name and password if it needs them. Default: the one of the
	// variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyURL notifiers.Secret `yaml:"proxy_url" secret:"true"`
	// Longest time for one attempt. Default: 15s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type teams.
type Options struct {
	// Who is mentioned: sign-in names (user principal names, such as bob@example.com) or object ids of Microsoft Entra.
	Mention []string `yaml:"mention" json:"mention,omitempty" as:"signin"`
}

//go:embed kind.yaml
var example string

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "teams",
		Summary: "a card in a Microsoft Teams channel or chat, by a workflow's webhook",
		Config:  func() any { return &Config{Timeout: 15 * time.Second} },
		Sample: func() any {
			return &Config{WebhookURL: notifiers.NewSecret("https://example.logic.azure.com/workflows/preview"),
				Timeout: time.Second}
		},
		Options:     Options{},
		New:         service.New(define),
		Warn:        warn,
		Refuse:      service.Refuse[Config](refuse),
		Concurrency: 2,
		// https://learn.microsoft.com/en-us/connectors/teams/#limits
		Rate:      notifiers.Rate{Messages: 60, Per: time.Minute, Burst: 4},
		Delivered: delivered,
		Markup:    notifiers.Cards,
		Digest:    notifiers.Room{Max: 22_000, Unit: notifiers.Bytes, Line: 200}, // of JSON
		Limits: []notifiers.Limit{
			{Max: 28_000, Unit: notifiers.Bytes},
		},
		Needs:   "`webhook_url` of a workflow",
		Notes:   "an Adaptive Card; people in `mention` are given by sign-in name",
		Example: example,
	}
}

func delivered(notifiers.Receipt, string) string {
	return "the workflow has taken it; whether it posts the card shows in Teams, and otherwise in the workflow's " +
		"run history"
}

// warn returns remarks on an address that Microsoft Teams can only refuse.
func warn(config any) []notifiers.Advice {
	const write = "write the URL of a workflow, made in Teams under Workflows f" +
		"rom “Send webhook alerts to a channel”"
	address := config.(*Config).WebhookURL
	switch u, err := httpclient.ParseURL(address.Value()); {
	case err == nil && (httpclient.IsBelow(u, "webhook.office.com") || httpclient.IsBelow(u, "outlook.office.com")):
		return httpclient.WarnKey("webhook_url", u.Hostname()+
			" is that of a connector of webhook.office.com; connectors are retired", write)
	}
	return httpclient.WarnWebhook(address, "Microsoft Teams", write)
}

func define(c Config, _ Options) service.Definition[Options, post] {
	webhook := service.Webhook("Teams", c.WebhookURL, c.ProxyURL, c.Timeout)
	return service.Definition[Options, post]{
		Endpoint: webhook, Compose: compose, Classify: classify,
		Faults: []error{webhook.CheckWebhook(
			"Teams shows once the workflow “Send webhook alerts to a channel” is made")},
		Call: func(post) service.Call { return service.Call{Doing: "posting to the Teams workflow"} },
	}
}

// refuse returns no remarks: an unknown mention is left out.
func refuse(Options) []notifiers.Advice { return nil }

// classify reads the error codes of workflows (https://learn.microsoft.com/en-us/azure/logic-apps/).
func classify(a service.Answer) service.Outcome {
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(a.Body, &said) != nil {
		text := string(a.Body)
		if a.Code < 300 && strings.Contains(text, "Webhook message delivery failed") {
			return service.Outcome{Class: service.Retry, Detail: text,
				Advice: "webhook_url is that of a connector, which are retired; make a workflow"}
		}
		if a.Code < 300 && a.IsPage() { // of a login or a proxy: a workflow has none
			return service.Outcome{Class: service.UnexpectedBody}
		}
		return service.Outcome{}
	}
	v := service.Outcome{Detail: strings.TrimSpace(said.Error.Code + " " + said.Error.Message)}
	switch said.Error.Code {
	case "WorkflowNotFound", "WorkflowTriggerNotFound", "WorkflowVersionNotFound":
		v.Reason = notifiers.ReasonAuth
		v.Advice = "the workflow was deleted; make a new one and put its URL into webhook_url"
	case "WorkflowTriggerIsNotEnabled", "WorkflowNotEnabled":
		v.Class, v.Advice = service.Permanent, "turn the workflow on, in Teams under Workflows"
	case "DirectApiAuthorizationRequired", "SignatureMismatch", "AuthenticationFailed", "AuthorizationFailed":
		v.Reason = notifiers.ReasonAuth
		v.Advice = "put the workflow's whole URL into webhook_url, with its sig; the trigger has to let anyone call it"
	case "TriggerInputSchemaMismatch":
		v.Advice = "make the workflow from the template “Send webhook alerts to a channel”, which takes Adaptive Cards"
	}
	return v
}
