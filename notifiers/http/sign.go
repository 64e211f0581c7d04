package http

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// signer makes one signature of Standard Webhooks over "id.timestamp.body", its version included.
type signer func(content []byte) string

// signatureHeader has the signatures of a call.
const signatureHeader = "Webhook-Signature"

// signersOf returns a signer of each secret, and two of base64 without whsec_: receivers may decode it or take its text.
func signersOf(secrets []notifiers.Secret) ([]signer, error) {
	var all []signer
	for i, s := range secrets {
		sign, err := newSigner(s.Value())
		if err != nil {
			return nil, fmt.Errorf("%s secret: %w", ordinal(i), err)
		}
		if key := bareKey(s.Value()); key != nil {
			all = append(all, sharedSigner(key))
		}
		all = append(all, sign)
	}
	return all, nil
}

// ordinal returns the name of a place in a list.
func ordinal(i int) string {
	if names := []string{"first", "second", "third"}; i < len(names) {
		return "the " + names[i]
	}
	return "the " + strconv.Itoa(i+1) + "th"
}

// newSigner returns the signer of a secret: whsk_ and the private key of an ed25519 pair in base64, or whsec_ and a
// shared key in base64. Any other text is itself a shared key.
func newSigner(secret string) (signer, error) {
	if encoded, ok := strings.CutPrefix(secret, "whsk_"); ok {
		return newKeySigner(encoded)
	}
	key := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New("after whsec_ comes base64; write the secret as the receiver shows it")
		}
	}
	if len(key) == 0 {
		return nil, errors.New("it is empty; write the secret as the receiver shows it")
	}
	return sharedSigner(key), nil
}

// bareKey returns the key of a secret that is base64 without whsec_, as libraries of Standard Webhooks also read it, or
// nil. Their keys have 24 to 64 bytes. A hexadecimal text is not taken for base64.
func bareKey(secret string) []byte {
	key, err := base64.StdEncoding.DecodeString(secret)
	if _, notHex := hex.DecodeString(secret); err != nil || len(key) < 24 || len(key) > 64 || notHex == nil {
		return nil
	}
	return key
}

// leastKey is the length in bytes of the shortest key of Standard Webhooks.
const leastKey = 24

// warn returns remarks on secrets that are too short, or used as text, which libraries of Standard Webhooks decode or
// refuse, and on a login without its password.
func warn(config any) (all []notifiers.Advice) {
	c := config.(*Config)
	if c.BasicAuth != nil && !c.BasicAuth.Password.IsGiven() {
		all = httpclient.WarnKey("basic_auth", "a username needs a password", `add password: …, or password: "" if there is none`)
	}
	for i, s := range c.SigningSecret {
		secret := s.Value()
		if encoded, shared := strings.CutPrefix(secret, "whsec_"); shared {
			if key, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(key) < leastKey {
				all = append(all, httpclient.WarnKey("signing_secret", fmt.Sprintf("%s secret is too short: it has %d bytes, and "+
					"libraries of Standard Webhooks want at least %d", ordinal(i), len(key), leastKey),
					"write the secret as the receiver shows it")...)
			}
			continue
		}
		if strings.HasPrefix(secret, "whsk_") || bareKey(secret) != nil {
			continue
		}
		if httpclient.IsPlaceholder(secret) {
			continue // reported with the file
		}
		all = append(all, httpclient.WarnKey("signing_secret", ordinal(i)+" secret has no whsec_ and is used as text, "+
			"which libraries of Standard Webhooks refuse or decode", "write the secret as the receiver shows it; a text "+
			"that is right can also be written as whsec_ and the base64 of the text")...)
	}
	return all
}

// sharedSigner returns the signer of a key that the receiver has too.
func sharedSigner(key []byte) signer {
	return func(content []byte) string {
		mac := hmac.New(sha256.New, key)
		mac.Write(content)
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
}

// newKeySigner returns the signer of a private key: its seed, or the seed and the public key.
func newKeySigner(encoded string) (signer, error) {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return nil, errors.New("after whsk_ come the 32 or 64 bytes of an ed25519 private key in base64")
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && !key.Equal(ed25519.PrivateKey(raw)) {
		return nil, errors.New("the public half of the key after whsk_ does not belong to the private one")
	}
	return func(content []byte) string {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(key, content))
	}, nil
}

// sign adds the time of this attempt and the signatures of Standard Webhooks 1.0. Each secret makes one, so that
// secrets can be changed at the receiver later.
func (n *notifier) sign(h http.Header, body []byte, now time.Time) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	h.Set("Webhook-Timestamp", timestamp)
	if len(n.signers) == 0 {
		return
	}
	content := append([]byte(h.Get("Webhook-Id")+"."+timestamp+"."), body...)
	signatures := make([]string, len(n.signers))
	for i, sign := range n.signers {
		signatures[i] = sign(content)
	}
	h.Set(signatureHeader, strings.Join(signatures, " "))
}
