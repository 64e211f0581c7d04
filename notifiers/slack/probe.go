package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"qaserelay/notifiers"
)

// maxProbePages bounds how many pages of channels, of up to 1000 each, a probe reads.
const maxProbePages = 10

// Probe implements [notifiers.Prober]. For a token it names the app and checks that the app is in the channels in use,
// as far as its scopes show that; sending only needs chat:write. For an incoming webhook it checks that it exists.
func (n *notifier) Probe(ctx context.Context, options []json.RawMessage) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	if n.config.WebhookURL.IsSet() {
		return n.probeWebhook(ctx)
	}
	var me *slack.AuthTestResponse
	_, err := n.call(ctx, action{doing: "signing in to Slack"}, func(api *slack.Client) (err error) {
		me, err = api.AuthTestContext(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	p := &appProbe{notifier: n, user: me.User}
	for scope := range strings.SplitSeq(me.Header.Get(scopesHeader), ",") {
		p.scopes = append(p.scopes, strings.TrimSpace(scope))
	}
	if !p.may("chat:write") {
		return "", &notifiers.PermanentError{Reason: notifiers.ReasonAuth, Err: errors.New("the token cannot send: " +
			"give the app the scope chat:write in OAuth & Permissions, and install it again")}
	}
	found := fmt.Sprintf("signed in as @%s in %s", notifiers.OneLine(me.User), notifiers.OneLine(me.Team))
	if !p.may("users:read.email") {
		found += "; email addresses cannot be looked up without the scope users:read.email"
	}
	about, err := p.channels(ctx, n.channelsOf(options))
	if err != nil {
		return "", err
	}
	return n.mask.Redact(found + about), nil
}

// probeWebhook sends an empty message. The code of the refusal shows whether the webhook exists.
func (n *notifier) probeWebhook(ctx context.Context) (string, error) {
	_, err := n.postWebhook(ctx, struct{}{})
	exists := []string{"no_text", "invalid_payload", "missing_text_or_fallback_or_attachments"}
	if err == nil || slices.Contains(exists, errorCode(err)) {
		return "the webhook is there; Slack does not tell its channel", nil
	}
	return "", err
}

// channelsOf lists the channels of message options, each once.
func (n *notifier) channelsOf(options []json.RawMessage) []string {
	var channels []string
	for _, own := range append([]json.RawMessage{nil}, options...) {
		o, err := readOptions(n.defaults, own)
		if err == nil && o.DM == nil && o.Channel != "" && !slices.Contains(channels, o.Channel) {
			channels = append(channels, o.Channel)
		}
	}
	return channels
}

// appProbe is a probe with the identity and the scopes of the app.
type appProbe struct {
	*notifier
	user   string
	scopes []string // as Slack lists them
}

// may reports whether the app has a scope. If Slack lists none, it may have all.
func (p *appProbe) may(scope string) bool {
	return slices.Contains(p.scopes, scope) || len(p.scopes) == 1 && p.scopes[0] == ""
}

// channels describes which of the channels the app is in. It returns an error if the app cannot post to one of them.
func (p *appProbe) channels(ctx context.Context, channels []string) (string, error) {
	if len(channels) == 0 {
		return "", nil
	}
	in := map[string]bool{}
	seesAll, err := p.memberships(ctx, in)
	if err != nil && errorCode(err) != "missing_scope" {
		return "", err
	}
	var inside, outside []string
	for _, c := range channels {
		if in[strings.ToLower(strings.TrimPrefix(c, "#"))] {
			inside = append(inside, c)
		} else {
			outside = append(outside, c)
		}
	}
	about := ""
	if len(inside) > 0 {
		about = "; it is in " + strings.Join(inside, ", ")
	}
	missing := strings.Join(outside, ", ")
	switch {
	case missing == "":
		return about, nil
	case !seesAll:
		return about + "; whether it is in " + missing +
			" can only be seen with the scopes channels:read and groups:read", nil
	case p.may("chat:write.public"):
		return about + "; it is not in " + missing + ", where it can post only if that is public", nil
	}
	return "", &notifiers.PermanentError{Err: p.mask.Error(
		fmt.Errorf("the app is not in %s, or there is no such channel: invite it there: /invite @%s", missing,
			notifiers.OneLine(p.user)))}
}

// memberships adds the ids and names, in lower case, of the app's channels to in, and reports whether these are all.
func (p *appProbe) memberships(ctx context.Context, in map[string]bool) (all bool, err error) {
	query := slack.GetConversationsForUserParameters{Limit: 1000, ExcludeArchived: true}
	if p.may("channels:read") {
		query.Types = append(query.Types, "public_channel")
	}
	if p.may("groups:read") {
		query.Types = append(query.Types, "private_channel")
	}
	for range maxProbePages {
		if len(query.Types) == 0 {
			return false, nil
		}
		_, err := p.call(ctx, action{doing: "listing the app's channels"}, func(api *slack.Client) error {
			page, next, err := api.GetConversationsForUserContext(ctx, &query)
			for _, c := range page {
				in[strings.ToLower(c.ID)], in[strings.ToLower(c.Name)] = true, true
			}
			query.Cursor = next
			return err
		})
		if err != nil || query.Cursor == "" {
			return err == nil && len(query.Types) == 2, err
		}
	}
	return false, nil
}
