// Package teams sends messages to Microsoft Teams, as Adaptive Cards by a workflow.
package teams

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/preview"
)

// Config is what can be written for a notifier of type teams.
type Config struct {
	// URL of a workflow that begins with “When a Teams webhook request is received” and posts the card.
	WebhookURL notifiers.Secret `yaml:"webhook_url" secret:"true"`
	// Longest time for one attempt. Default: 15s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type teams.
type Options struct {
	// Who is mentioned: sign-in names (user principal names, such as bob@example.com) or object ids of Microsoft Entra.
	Mention []string `yaml:"mention" json:"mention,omitempty" as:"address"`
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
		New:         newNotifier,
		Concurrency: 2,
		// https://learn.microsoft.com/en-us/connectors/teams/#limits
		Rate:      notifiers.Rate{Messages: 60, Per: time.Minute, Burst: 4},
		Delivered: delivered,
		Markup:    notifiers.Cards,
		Limits: []notifiers.Limit{
			{Max: 28_000, Unit: notifiers.Bytes},
		},
		Needs:   "`webhook_url` of a workflow",
		Notes:   "an Adaptive Card; who is mentioned is named by sign-in name",
		Example: example,
	}
}

func delivered(notifiers.Receipt, string) string {
	return "the workflow has taken it; whether it posts the card shows in Teams, and otherwise in the workflow's " +
		"run history"
}

// notifier posts Adaptive Cards to a workflow.
type notifier struct {
	*httpclient.Service
	config   Config
	defaults json.RawMessage
}

func newNotifier(config any, defaults json.RawMessage) (notifiers.Notifier, error) {
	c := *config.(*Config)
	_, err := notifiers.MergeOptions[Options](nil, defaults)
	err = errors.Join(err, httpclient.CheckTimeout(c.Timeout), httpclient.CheckWebhookURL("webhook_url", c.WebhookURL,
		"Teams shows once the workflow “Send webhook alerts to a channel” is made"))
	if err != nil {
		return nil, err
	}
	return &notifier{httpclient.NewService("Teams", "webhook_url", c.Timeout,
		httpclient.URLSecrets(c.WebhookURL.Value())...), c, defaults}, nil
}

// Send hands the card to the workflow. That it is accepted is all that Teams tells.
func (n *notifier) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	post, _, err := n.compose(m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	return n.Deliver(ctx, httpclient.ServiceCall{Doing: "posting to the Teams workflow", URL: n.config.WebhookURL.Value(),
		Body: post}, classify)
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

// classify knows the error codes of workflows (https://learn.microsoft.com/en-us/azure/logic-apps/).
func classify(a httpclient.Answer) httpclient.Outcome {
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(a.Body, &said) != nil {
		text := string(a.Body)
		if a.Code < 300 && strings.Contains(text, "Webhook message delivery failed") {
			return httpclient.Outcome{Class: httpclient.Retry, Detail: text,
				Advice: "webhook_url is that of a connector, which are retired; make a workflow"}
		}
		if a.Code < 300 && a.IsPage() { // of a login or a proxy: a workflow has none
			return httpclient.Outcome{Class: httpclient.UnexpectedBody}
		}
		return httpclient.Outcome{}
	}
	v := httpclient.Outcome{Detail: strings.TrimSpace(said.Error.Code + " " + said.Error.Message)}
	switch said.Error.Code {
	case "WorkflowNotFound", "WorkflowTriggerNotFound", "WorkflowVersionNotFound":
		v.Reason, v.Advice = notifiers.ReasonAuth, "the workflow was deleted; make a new one and put its URL into webhook_url"
	case "WorkflowTriggerIsNotEnabled", "WorkflowNotEnabled":
		v.Class, v.Advice = httpclient.Permanent, "turn the workflow on, in Teams under Workflows"
	case "DirectApiAuthorizationRequired", "SignatureMismatch", "AuthenticationFailed", "AuthorizationFailed":
		v.Reason = notifiers.ReasonAuth
		v.Advice = "put the workflow's whole URL into webhook_url, with its sig; the trigger has to let anyone call it"
	case "TriggerInputSchemaMismatch":
		v.Advice = "make the workflow from the template “Send webhook alerts to a channel”, which takes Adaptive Cards"
	}
	return v
}
