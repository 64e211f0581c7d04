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

// A key of thread or update names one message of a channel. The notifier's [notifiers.KV] maps the key to the message.
// A delivery reserves the key before it posts that message. So only one of two relays, or of two workers, posts it; the
// other one retries a second later. If the relay ends, the reservation expires.

// messageKey is a key with its value in the store.
type messageKey struct {
	key     string
	raw     []byte // the stored value
	message messageRef
	ours    bool // this delivery has reserved the key
}

// messageRef is the value of a key: the message that has been posted, or the delivery that has reserved the key.
type messageRef struct {
	Channel string `json:"channel,omitempty"`
	TS      string `json:"ts,omitempty"`
	Used    int64  `json:"used,omitempty"` // Unix time of the last use, accurate to a day
	By      string `json:"by,omitempty"`   // delivery that has reserved the key
}

func (r messageRef) sent() location { return location{r.Channel, r.TS} }

// sending is one attempt to send one message with a bot token. One goroutine uses it.
type sending struct {
	*notifier
	kv      notifiers.KV
	id      string // of the delivery
	place   destination
	post    post
	options Options
	// keys of thread and update
	threadKey, updateKey string
	// below is the reply to the message, in its thread, if it has one; root begins that thread once the message is sent.
	below    post
	hasBelow bool
	root     location

	receipt notifiers.Receipt
	notes   []string
	missed  []string // notes on people that the message does not reach
}

// sendByToken sends a message by the Web API.
func (n *notifier) sendByToken(ctx context.Context, m *notifiers.Message, o Options) (notifiers.Receipt, error) {
	s := &sending{notifier: n, kv: m.KV, id: m.ID, options: o, threadKey: o.Thread.Of(m), updateKey: o.Update.Of(m)}
	unlock, err := s.lockKeys(ctx)
	if err != nil {
		return notifiers.Receipt{}, err
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	if s.place, err = s.findPlace(ctx); err != nil {
		return s.receipt, err
	}
	var unknown []string
	o.Mention, unknown = n.findMentions(ctx, m.KV, o.Mention)
	for _, one := range unknown {
		s.miss(one)
	}
	s.post = compose(m, o).post
	if s.threadKey != "" {
		s.below, s.hasBelow = composeReply(m)
	}
	err = s.sendAll(ctx)
	if len(s.notes) > 0 && s.receipt.Status != "" {
		s.receipt.Status += "; " + notifiers.Cut(n.mask.Redact(notifiers.OneLine(strings.Join(s.notes, "; "))), 1000)
	}
	if err == nil {
		s.receipt.Missed = notifiers.Cut(n.mask.Redact(notifiers.OneLine(strings.Join(s.missed, "; "))), 500)
	}
	return s.receipt, err
}

// miss notes a person that the message does not reach.
func (s *sending) miss(why string) {
	s.notes, s.missed = append(s.notes, why), append(s.missed, why)
}

// keyNames returns the names of the message's keys in the store. A key that the message does not have is empty.
func (s *sending) keyNames() (thread, update string) {
	if s.kv == nil {
		return "", ""
	}
	return s.keyName(s.threadKey), s.keyName(s.updateKey)
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
	slices.Sort(names) // one order for all deliveries prevents a deadlock
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
			if s.root = update.message.sent(); thread != nil && thread.message.TS != "" {
				s.root = thread.message.sent()
			}
			return err
		}
	}
	return s.add(ctx, thread, update)
}

// load reads a key. It returns nil for the empty name.
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
		k.message = messageRef{} // the key has no message
	}
	if k.message.By != "" && k.message.By != s.id {
		return nil, s.busy()
	}
	return k, nil
}

// busy is the error of a delivery whose key is reserved by another one.
func (s *sending) busy() error {
	return &notifiers.MessageError{Err: &notifiers.RetryAfterError{After: time.Second, Reason: notifiers.ReasonOther,
		Err: fmt.Errorf("posting to %s: another message of the same key is just being posted", s.place.name)}}
}

// change changes the message of a key. It reports whether the key had a message that
// could be changed; otherwise it reserves the key for a new one.
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

// add posts the message: as a reply if the thread has begun, or else as the first message of the thread.
func (s *sending) add(ctx context.Context, thread, update *messageKey) error {
	if thread != nil && thread.message.TS != "" {
		sent, err := s.reply(ctx, thread)
		if err == nil {
			s.root = thread.message.sent()
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
	s.root = sent
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

// reserve reserves the key for this delivery, for longer than the attempt can take.
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

// keep stores the new message of a reserved key. The message has been sent, so a failure only adds a note.
func (s *sending) keep(ctx context.Context, k *messageKey, sent location) {
	if k == nil || !k.ours {
		return
	}
	ctx, cancel := aftermath(ctx)
	defer cancel()
	did, err := s.swap(ctx, k, messageRef{Channel: sent.channel, TS: sent.ts, Used: time.Now().Unix()}, keepUnused)
	if err != nil || !did {
		s.notes = append(s.notes,
			"the key is not kept: "+errors.Join(err, errors.New("the next message of the key is posted anew")).Error())
	}
	k.ours = false
}

// touch extends the life of a key that is in use, once a day.
func (s *sending) touch(ctx context.Context, k *messageKey) {
	now := time.Now()
	if now.Sub(time.Unix(k.message.Used, 0)) < 24*time.Hour {
		return
	}
	ref := k.message
	ref.Used = now.Unix()
	_, _ = s.swap(ctx, k, ref, keepUnused) // the key lives for long; the next use tries again
}

// release ends the reservations that no message has replaced.
func (s *sending) release(ctx context.Context, keys ...*messageKey) {
	ctx, cancel := aftermath(ctx)
	defer cancel()
	for _, k := range keys {
		if k != nil && k.ours {
			_, _ = s.kv.Swap(ctx, k.key, k.raw, nil, 0) // on an error the reservation expires
			k.ours = false
		}
	}
}

// aftermath returns a context for the work after an attempt, even a canceled one.
func aftermath(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}

// swap stores a new value of a key.
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
