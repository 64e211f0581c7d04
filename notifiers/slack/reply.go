package slack

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/slack-go/slack"

	"qaserelay/notifiers"
)

// sentLife is how long the store keeps where a message stands whose reply could not be posted yet: longer than a delivery
// is tried again.
const sentLife = 7 * 24 * time.Hour

// sendAll sends the message and, if it has a thread, the reply below it. Once the message stands, the store knows where:
// another attempt of this delivery then posts the reply alone. A reply that Slack refuses for good leaves a note, since
// the message itself is delivered.
func (s *sending) sendAll(ctx context.Context) error {
	if thread, _ := s.keyNames(); thread == "" || !s.hasBelow {
		return s.send(ctx)
	}
	k, err := s.loadSent(ctx)
	if err != nil {
		return err
	}
	again := k.message.TS != ""
	if again {
		s.root = k.message.sent()
	} else if err := s.send(ctx); err != nil {
		return err
	} else {
		again = s.keepSent(ctx, k)
	}
	receipt := s.receipt
	_, r, err := s.postMessage(ctx, destination{s.root.channel, s.place.name}, s.below, slack.MsgOptionTS(s.root.ts))
	if receipt.Status == "" {
		receipt = r
	}
	s.receipt = receipt
	var refused *notifiers.PermanentError
	if err != nil && again && !errors.As(err, &refused) && !isGone(err) {
		return err
	}
	if err != nil {
		s.notes = append(s.notes, "the list of all failing tests is not in the thread: "+err.Error())
	}
	s.forgetSent(ctx, k)
	return nil
}

// loadSent reads where the message of this delivery stands, if an earlier attempt has sent it.
func (s *sending) loadSent(ctx context.Context) (*messageKey, error) {
	k := &messageKey{key: "sent/" + s.id}
	raw, err := s.kv.Get(ctx, k.key)
	if err != nil {
		return nil, s.mask.AttemptError(ctx, "reading whether the message has been sent", err)
	}
	if k.raw = raw; json.Unmarshal(raw, &k.message) != nil {
		k.message = messageRef{}
	}
	return k, nil
}

// keepSent stores where the message stands, and reports whether it could.
func (s *sending) keepSent(ctx context.Context, k *messageKey) bool {
	ctx, cancel := aftermath(ctx)
	defer cancel()
	did, err := s.swap(ctx, k, messageRef{Channel: s.root.channel, TS: s.root.ts}, sentLife)
	return did && err == nil
}

// forgetSent removes what keepSent has stored.
func (s *sending) forgetSent(ctx context.Context, k *messageKey) {
	if k.raw == nil {
		return
	}
	ctx, cancel := aftermath(ctx)
	defer cancel()
	_, _ = s.kv.Swap(ctx, k.key, k.raw, nil, 0) // on an error it expires
}
