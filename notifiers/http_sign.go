package notifiers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// signingKey decodes a signing secret: base64 after the prefix whsec_, or the text itself.
func signingKey(s Secret) ([]byte, error) {
	encoded, ok := strings.CutPrefix(s.Value(), "whsec_")
	if !ok {
		return []byte(s.Value()), nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return nil, errors.New("after whsec_ comes base64; write the secret as the receiver shows it")
	}
	return key, nil
}

// sign adds the time of this attempt and, with a key, the signature of Standard Webhooks 1.0, version 1: the
// HMAC-SHA256 over "id.timestamp.body".
func (n *httpNotifier) sign(h http.Header, body []byte, now time.Time) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	h.Set("Webhook-Timestamp", timestamp)
	if len(n.key) == 0 {
		return
	}
	mac := hmac.New(sha256.New, n.key)
	mac.Write([]byte(h.Get("Webhook-Id") + "." + timestamp + "."))
	mac.Write(body)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
