package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"qaserelay/notifiers"
)

// How long it is kept who has an address: those found, and those not.
const (
	keepKnown   = 24 * time.Hour
	keepUnknown = time.Hour
	// Whoever cannot be written to is asked for again, since a person may have seen to it and sent the message again.
	keepUnwritable = time.Minute
)

// keepUnused is how long keys and conversations are kept without use.
const keepUnused = 90 * 24 * time.Hour

// maxLookups bounds how many addresses one message asks Slack for (users.lookupByEmail takes about 50 a minute).
const maxLookups = 10

// maxTogether is how many people Slack's conversations.open takes.
const maxTogether = 8

// member is what is kept of an address.
type member struct {
	ID  string `json:"id,omitempty"`
	Why string `json:"why,omitempty"` // nobody was found
	At  int64  `json:"at,omitempty"`  // Unix time of when nobody was found
}

// isKnown reports whether somebody was found, or nobody within the given time.
func (u member) isKnown(unknown time.Duration) bool {
	return u.ID != "" || u.Why != "" && time.Since(time.Unix(u.At, 0)) < unknown
}

// findMentions turns the addresses among who into member ids, where Slack knows them. Others stay as they are, and are told in notes:
// a lookup that fails takes nothing from the message.
func (n *notifier) findMentions(ctx context.Context, kv notifiers.KV, who []string) (found, notes []string) {
	ctx, cancel := context.WithTimeout(ctx, n.config.Timeout/2)
	defer cancel()
	lookups := 0
	for _, one := range who {
		_, address := splitAddress(one)
		if address == "" {
			found = append(found, one)
			continue
		}
		user := member{Why: "too many to look up"}
		if lookups++; lookups <= maxLookups {
			var err error
			if user, err = n.findUser(ctx, kv, address, keepUnknown); err != nil {
				user.Why = err.Error()
			}
		}
		if user.ID != "" {
			found = append(found, user.ID)
			continue
		}
		found, notes = append(found, one), append(notes, one+" is not mentioned: "+user.Why)
	}
	return found, notes
}

// findUser finds the member who has an address. An error is worth another attempt; that there is nobody, or that the app may not look,
// is none; it is believed for the given time.
func (n *notifier) findUser(ctx context.Context, kv notifiers.KV, address string, unknown time.Duration) (member, error) {
	key := "user/" + strings.ToLower(address)
	var user member
	old := recall(ctx, kv, key, &user)
	if user.isKnown(unknown) {
		return user, nil
	}
	user = member{}
	_, err := n.call(ctx, action{"looking up", address}, func(api *slack.Client) error {
		u, err := api.GetUserByEmailContext(ctx, address)
		if err == nil {
			user.ID = u.ID
		}
		return err
	})
	keep := keepKnown
	var permanent *notifiers.PermanentError
	switch {
	case errors.As(err, &permanent):
		user.Why, user.At, keep = err.Error(), time.Now().Unix(), keepUnknown
	case err != nil:
		return member{}, err
	}
	remember(ctx, kv, kept{key, old}, user, keep)
	return user, nil
}

// place finds out where a message goes.
func (n *notifier) place(ctx context.Context, kv notifiers.KV, o Options) (destination, error) {
	switch {
	case o.DM == nil && o.Channel == "":
		return destination{}, &notifiers.PermanentError{Err: errors.New(
			`channel: there is none; write one on the notifier or in the rule, such as channel: "#qa"`)}
	case o.DM == nil:
		return destination{o.Channel, o.Channel}, nil
	case len(o.DM) == 0:
		return destination{}, &notifiers.PermanentError{Err: errors.New("dm: this event names nobody; send it only if somebody is named, by the rule's when")}
	case len(o.DM) > maxTogether:
		return destination{}, &notifiers.PermanentError{Err: fmt.Errorf("dm: %d people are named, but at most %d can get a message together; write a channel", len(o.DM), maxTogether)}
	}
	var ids, names []string
	for _, who := range o.DM {
		id, err := n.person(ctx, kv, who)
		if err != nil {
			return destination{}, err
		}
		ids, names = append(ids, id), append(names, displayName(who))
	}
	name := strings.Join(names, ", ")
	if len(ids) == 1 { // Slack opens the conversation itself, and asks for no scope beyond chat:write
		return destination{ids[0], name}, nil
	}
	channel, err := n.openConversation(ctx, kv, ids)
	return destination{channel, name}, err
}

// person returns the member id of somebody to write to.
func (n *notifier) person(ctx context.Context, kv notifiers.KV, who string) (string, error) {
	if isID(who, "UW") {
		return who, nil
	}
	_, address := splitAddress(who)
	if address == "" {
		return "", &notifiers.PermanentError{Err: fmt.Errorf(
			"dm: %s is nobody whom Slack can write to; write an e-mail address or a member id, or add the person to people: with slack: U…", displayName(who))}
	}
	user, err := n.findUser(ctx, kv, address, keepUnwritable)
	switch {
	case err != nil:
		return "", err
	case user.ID == "":
		return "", &notifiers.PermanentError{Err: fmt.Errorf("dm: %s; or invite %s to the workspace, or write their member id: people: [{email: %s, slack: U…}]", user.Why, address, address)}
	}
	return user.ID, nil
}

// openConversation returns the conversation of several people with the app.
func (n *notifier) openConversation(ctx context.Context, kv notifiers.KV, ids []string) (string, error) {
	slices.Sort(ids)
	key, channel := "conversation/"+strings.Join(ids, ","), ""
	old := recall(ctx, kv, key, &channel)
	if channel != "" {
		return channel, nil
	}
	_, err := n.call(ctx, action{doing: "opening a conversation"}, func(api *slack.Client) error {
		c, _, _, err := api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: ids})
		if err == nil {
			channel = c.ID
		}
		return err
	})
	if err == nil {
		remember(ctx, kv, kept{key, old}, channel, keepUnused)
	}
	return channel, err
}

// kept is a key with what was found under it.
type kept struct {
	key string
	raw []byte
}

// recall reads what is kept under a key into value, and returns it as it is kept. What cannot be read is as good as nothing: it is
// only kept to spare Slack a question.
func recall(ctx context.Context, kv notifiers.KV, key string, value any) []byte {
	if kv == nil {
		return nil
	}
	raw, err := kv.Get(ctx, key)
	if err != nil || raw == nil || json.Unmarshal(raw, value) != nil {
		return raw
	}
	return raw
}

// remember keeps a value in place of what was found, unless somebody else has.
func remember(ctx context.Context, kv notifiers.KV, old kept, value any, keep time.Duration) {
	if kv == nil {
		return
	}
	if raw, err := json.Marshal(value); err == nil {
		_, _ = kv.Swap(ctx, old.key, old.raw, raw, keep)
	}
}
