package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"qaserelay/notifiers"
)

// A key of thread or update stands for one message of a channel, kept in the notifier's kv. Who is about to post that message
// reserves the key first, so that of two relays, or two workers of one, only one posts it; the other comes back
// when it is there. A reservation ends by itself if its relay does.

// messageKey is a key and what is kept under it.
type messageKey struct {
	key     string
	raw     []byte // as it is kept now
	message messageRef
	ours    bool // we have reserved it
}

// messageRef is what is kept: the message that a key stands for, or the delivery that is about to post it.
type messageRef struct {
	Channel string `json:"channel,omitempty"`
	TS      string `json:"ts,omitempty"`
	Used    int64  `json:"used,omitempty"` // Unix time of about the last use
	By      string `json:"by,omitempty"`
}

func (r messageRef) sent() location { return location{r.Channel, r.TS} }

// sending is one attempt to send one message with a bot token. One goroutine uses it.
type sending struct {
	*notifier
	kv  notifiers.KV
	id      string // of the delivery
	place   destination
	post    post
	options Options
	receipt notifiers.Receipt
	notes   []string
}

// sendByToken sends a message by the Web API.
func (n *notifier) sendByToken(ctx context.Context, m *notifiers.Message, o Options) (notifiers.Receipt, error) {
	s := &sending{notifier: n, kv: m.KV, id: m.ID, options: o}
	unlock, err := s.lockKeys(ctx)
	if err != nil {
		return notifiers.Receipt{}, err
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	if s.place, err = n.place(ctx, m.KV, o); err != nil {
		return s.receipt, err
	}
	o.Mention, s.notes = n.findMentions(ctx, m.KV, o.Mention)
	s.post = compose(m, o).post
	err = s.send(ctx)
	if len(s.notes) > 0 && s.receipt.Status != "" {
		s.receipt.Status += "; " + n.mask.Redact(notifiers.Cut(notifiers.OneLine(strings.Join(s.notes, "; ")), 1000))
	}
	return s.receipt, err
}

// keyNames returns the names under which the message's keys are kept; empty for those that it has not.
func (s *sending) keyNames() (thread, update string) {
	if s.kv == nil {
		return "", ""
	}
	return s.keyName(s.options.Thread), s.keyName(s.options.Update)
}

func (s *sending) keyName(key string) string {
	if key == "" {
		return ""
	}
	if name := "message/" + s.options.target() + "/" + key; len(name) <= 200 {
		return name
	}
	sum := sha256.Sum256([]byte(s.options.target() + "/" + key))
	return "message/" + hex.EncodeToString(sum[:])
}

// lockKeys waits for other messages of the same keys that this relay is sending.
func (s *sending) lockKeys(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	thread, update := s.keyNames()
	names := []string{thread, update}
	slices.Sort(names) // in one order for all, so that no two wait for each other
	var held []func()
	unlock = func() {
		for _, one := range held {
			one()
		}
	}
	for _, name := range slices.Compact(names) {
		if name == "" {
			continue
		}
		one, err := s.keys.lock(ctx, name)
		if err != nil {
			unlock()
			return nil, s.mask.AttemptError(ctx, "waiting for an earlier message of the same key", err)
		}
		held = append(held, one)
	}
	return unlock, nil
}

// send posts or changes what the keys ask for.
func (s *sending) send(ctx context.Context) error {
	threadName, updateName := s.keyNames()
	thread, err := s.load(ctx, threadName)
	if err != nil {
		return err
	}
	update := thread
	if updateName != threadName {
		if update, err = s.load(ctx, updateName); err != nil {
			return err
		}
	}
	if updateName == "" {
		update = nil
	}
	defer s.release(ctx, thread, update)
	if update != nil {
		if done, err := s.change(ctx, update); err != nil || done && update != thread {
			return err
		}
	}
	return s.add(ctx, thread, update)
}

// load reads a key. The name "" has none.
func (s *sending) load(ctx context.Context, name string) (*messageKey, error) {
	if name == "" {
		return nil, nil
	}
	raw, err := s.kv.Get(ctx, name)
	if err != nil {
		return nil, s.mask.AttemptError(ctx, "reading which message has the key", err)
	}
	k := &messageKey{key: name, raw: raw}
	if json.Unmarshal(raw, &k.message) != nil {
		k.message = messageRef{} // there is none
	}
	if k.message.By != "" && k.message.By != s.id {
		return nil, s.busy()
	}
	return k, nil
}

// busy is the error of the one who comes second.
func (s *sending) busy() error {
	return &notifiers.RetryAfterError{After: time.Second, Reason: notifiers.ReasonOther,
		Err: fmt.Errorf("posting to %s: another message of the same key is just being posted", s.place.name)}
}

// change changes the message of a key. It reports whether there was one; if not, the key is reserved for a new one.
func (s *sending) change(ctx context.Context, k *messageKey) (done bool, err error) {
	if k.message.TS == "" {
		return false, s.reserve(ctx, k)
	}
	s.receipt, err = s.updateMessage(ctx, k.message.sent(), s.place.name, s.post)
	switch {
	case err == nil:
		s.touch(ctx, k)
		return true, nil
	case isGone(err):
		return false, s.reserve(ctx, k)
	}
	return false, err
}

// add posts the message: as a reply if the thread has begun, else as its first message.
func (s *sending) add(ctx context.Context, thread, update *messageKey) error {
	if thread != nil && thread.message.TS != "" {
		sent, err := s.reply(ctx, thread)
		if err == nil {
			s.touch(ctx, thread)
			s.keep(ctx, update, sent)
			return nil
		}
		if !isGone(err) {
			return err
		}
	}
	for _, k := range []*messageKey{thread, update} {
		if err := s.reserve(ctx, k); err != nil {
			return err
		}
	}
	sent, r, err := s.postMessage(ctx, s.place, s.post)
	if s.receipt = r; err != nil {
		return err
	}
	s.keep(ctx, thread, sent)
	s.keep(ctx, update, sent)
	return nil
}

func (s *sending) reply(ctx context.Context, thread *messageKey) (location, error) {
	below := []slack.MsgOption{slack.MsgOptionTS(thread.message.TS)}
	if s.options.Broadcast {
		below = append(below, slack.MsgOptionBroadcast())
	}
	sent, r, err := s.postMessage(ctx, destination{thread.message.Channel, s.place.name}, s.post, below...)
	s.receipt = r
	return sent, err
}

// reserve makes sure that nobody else posts a message for the key, for as long as this attempt can take.
func (s *sending) reserve(ctx context.Context, k *messageKey) error {
	if k == nil || k.ours {
		return nil
	}
	did, err := s.swap(ctx, k, messageRef{By: s.id}, s.config.Timeout+15*time.Second)
	switch {
	case err != nil:
		return s.mask.AttemptError(ctx, "reserving the key", err)
	case !did:
		return s.busy()
	}
	k.ours = true
	return nil
}

// keep keeps the new message of a key that we have reserved. The message has been sent, so a failure is no more than a note.
func (s *sending) keep(ctx context.Context, k *messageKey, sent location) {
	if k == nil || !k.ours {
		return
	}
	ctx, cancel := aftermath(ctx)
	defer cancel()
	did, err := s.swap(ctx, k, messageRef{Channel: sent.channel, TS: sent.ts, Used: time.Now().Unix()}, keepUnused)
	if err != nil || !did {
		s.notes = append(s.notes, "the key is not kept: "+errors.Join(err, errors.New("the next message of the key is posted anew")).Error())
	}
	k.ours = false
}

// touch keeps a key that is in use, about once a day.
func (s *sending) touch(ctx context.Context, k *messageKey) {
	now := time.Now()
	if now.Sub(time.Unix(k.message.Used, 0)) < 24*time.Hour {
		return
	}
	ref := k.message
	ref.Used = now.Unix()
	_, _ = s.swap(ctx, k, ref, keepUnused) // it is kept for long, so a failure waits for the next use
}

// release gives back keys that were reserved in vain.
func (s *sending) release(ctx context.Context, keys ...*messageKey) {
	ctx, cancel := aftermath(ctx)
	defer cancel()
	for _, k := range keys {
		if k != nil && k.ours {
			_, _ = s.kv.Swap(ctx, k.key, k.raw, nil, 0) // else it ends by itself
			k.ours = false
		}
	}
}

// aftermath is for what is to be done even if the attempt was broken off.
func aftermath(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}

// swap puts a new value under a key.
func (s *sending) swap(ctx context.Context, k *messageKey, ref messageRef, keep time.Duration) (bool, error) {
	raw, err := json.Marshal(ref)
	if err != nil {
		return false, err
	}
	did, err := s.kv.Swap(ctx, k.key, k.raw, raw, keep)
	if did {
		k.raw, k.message = raw, ref
	}
	return did, err
}
