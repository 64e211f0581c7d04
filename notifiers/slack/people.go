package slack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"qaserelay/notifiers"
)

// How long the store keeps the result of a lookup by address.
const (
	keepKnown   = 24 * time.Hour
	keepUnknown = time.Hour
	// For a direct message the lookup is repeated sooner: a person may have fixed the address and sent the message
	// again.
	keepUnwritable = time.Minute
)

// keepUnused is how long the store keeps keys and conversations without use.
const keepUnused = 90 * 24 * time.Hour

// maxLookups bounds how many addresses one message asks Slack for (users.lookupByEmail takes about 50 a minute).
const maxLookups = 10

// maxTogether is the most people that conversations.open takes.
const maxTogether = 8

// member is the stored result of a lookup by address.
type member struct {
	ID  string `json:"id,omitempty"`
	Why string `json:"why,omitempty"` // why no member was found
	At  int64  `json:"at,omitempty"`  // Unix time of the lookup that found no member
}

// isKnown reports whether the lookup found a member, or failed less than unknown ago.
func (u member) isKnown(unknown time.Duration) bool {
	return u.ID != "" || u.Why != "" && time.Since(time.Unix(u.At, 0)) < unknown
}

// findMentions replaces the addresses among who by member ids. An address that Slack does not know stays text, with a
// note: a lookup that fails does not stop the message.
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

// findUser finds the member with an address. An error is worth a retry. An address without a member, or an app without
// the scope, is a result with Why; it is used again until it is older than unknown.
func (n *notifier) findUser(
	ctx context.Context, kv notifiers.KV, address string, unknown time.Duration,
) (member, error) {
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

// findPlace returns the destination of the message. A person unknown to Slack is left out of a conversation.
func (s *sending) findPlace(ctx context.Context) (destination, error) {
	o := s.options
	if o.DM == nil {
		return destination{o.Channel, o.Channel}, nil
	}
	var ids, names []string
	var unknown error
	for _, who := range o.DM {
		id, err := s.person(ctx, s.kv, who)
		var permanent *notifiers.PermanentError
		if errors.As(err, &permanent) {
			unknown = cmp.Or(unknown, err)
			s.miss(err.Error())
			continue
		}
		if err != nil {
			return destination{}, err
		}
		ids, names = append(ids, id), append(names, displayName(who))
	}
	name := strings.Join(names, ", ")
	if len(ids) == 0 {
		return destination{}, unknown
	}
	if len(ids) == 1 { // Slack opens the conversation itself; chat:write is enough
		return destination{ids[0], name}, nil
	}
	channel, err := s.openConversation(ctx, s.kv, ids)
	return destination{channel, name}, err
}

// person returns the member id of a person who gets a direct message.
func (n *notifier) person(ctx context.Context, kv notifiers.KV, who string) (string, error) {
	if isID(who, "UW") {
		return who, nil
	}
	_, address := splitAddress(who)
	if address == "" {
		return "", notifiers.Permanent("dm: Slack cannot write to %s", displayName(who))
	}
	user, err := n.findUser(ctx, kv, address, keepUnwritable)
	switch {
	case err != nil:
		return "", err
	case user.ID == "":
		return "", notifiers.Permanent(
			"dm: %s; or invite %s to the workspace, or write their member id: people: [{email: %s, slack: U…}]",
			user.Why, address, address)
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

// kept is a key with its stored value.
type kept struct {
	key string
	raw []byte
}

// recall decodes the stored value of a key into value, and also returns it as it is stored. A value that cannot be read
// counts as missing, since Slack can be asked again.
func recall(ctx context.Context, kv notifiers.KV, key string, value any) []byte {
	if kv == nil {
		return nil
	}
	raw, err := kv.Get(ctx, key)
	if err == nil && raw != nil {
		_ = json.Unmarshal(raw, value)
	}
	return raw
}

// remember replaces a stored value, unless another delivery has replaced it.
func remember(ctx context.Context, kv notifiers.KV, old kept, value any, keep time.Duration) {
	if kv == nil {
		return
	}
	if raw, err := json.Marshal(value); err == nil {
		_, _ = kv.Swap(ctx, old.key, old.raw, raw, keep)
	}
}
