package email

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"
)

// passwordCheck is what a server does with a login; the password is the one that it knows where the mechanism does not
// send it.
type passwordCheck func(identity, user, password string) error

func wrongPassword() error { return smtpError(535, "wrong password") }

// cramServer is the server side of CRAM-MD5 (RFC 2195).
type cramServer struct {
	check passwordCheck
	asked bool
}

func (c *cramServer) Next(response []byte) ([]byte, bool, error) {
	const challenge = "<1896.697170952@localhost>"
	if !c.asked {
		c.asked = true
		return []byte(challenge), false, nil
	}
	user, digest, _ := strings.Cut(string(response), " ")
	mac := hmac.New(md5.New, []byte(testPassword))
	mac.Write([]byte(challenge))
	if digest != hex.EncodeToString(mac.Sum(nil)) {
		return nil, true, wrongPassword()
	}
	return nil, true, c.check("", user, testPassword)
}

// xoauth2Server is the server side of XOAUTH2: it says why it refuses before it does.
type xoauth2Server struct {
	check  passwordCheck
	failed error
}

func (x *xoauth2Server) Next(response []byte) ([]byte, bool, error) {
	if x.failed != nil {
		return nil, true, x.failed
	}
	user, token, ok := strings.Cut(strings.TrimSuffix(string(response), "\x01\x01"), "\x01auth=Bearer ")
	if !ok {
		return nil, true, smtpError(501, "no token")
	}
	if x.failed = x.check("", strings.TrimPrefix(user, "user="), token); x.failed != nil {
		return []byte(`{"status":"400","schemes":"Bearer"}`), false, nil
	}
	return nil, true, nil
}

// scramServer is the server side of SCRAM (RFC 5802), bound to its connection with PLUS (RFC 9266).
type scramServer struct {
	mechanism string
	state     *tls.ConnectionState
	check     passwordCheck

	step          int
	binding, bare string
	first, user   string
}

func (s *scramServer) Next(response []byte) ([]byte, bool, error) {
	s.step++
	switch s.step {
	case 1:
		return nil, false, nil // no initial response came: ask for it
	case 2:
		return s.challenge(string(response))
	case 3:
		return s.verify(string(response))
	}
	return nil, true, s.check("", s.user, testPassword)
}

func (s *scramServer) challenge(message string) ([]byte, bool, error) {
	flag, bare, _ := strings.Cut(message, ",,")
	s.binding, s.bare = flag+",,", bare
	if plus := strings.HasSuffix(s.mechanism, "-PLUS"); plus != strings.HasPrefix(flag, "p=") {
		return nil, true, smtpError(501, "the wrong binding")
	}
	if flag == "p=tls-exporter" {
		key, err := s.state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		if err != nil {
			return nil, true, err
		}
		s.binding += string(key)
	}
	user, nonce, _ := strings.Cut(bare, ",r=")
	s.user = strings.TrimPrefix(user, "n=")
	s.first = "r=" + nonce + "server,s=" + base64.StdEncoding.EncodeToString([]byte("salt")) + ",i=4096"
	return []byte(s.first), false, nil
}

func (s *scramServer) verify(final string) ([]byte, bool, error) {
	without, proof, _ := strings.Cut(final, ",p=")
	if bound, _, _ := strings.Cut(strings.TrimPrefix(without, "c="),
		","); bound != base64.StdEncoding.EncodeToString([]byte(s.binding)) {
		return nil, true, smtpError(535, "not bound to this connection")
	}
	h := sha256.New
	if strings.HasPrefix(s.mechanism, "SCRAM-SHA-1") {
		h = sha1.New
	}
	salted, err := pbkdf2.Key(h, testPassword, []byte("salt"), 4096, h().Size())
	if err != nil {
		return nil, true, err
	}
	message := s.bare + "," + s.first + "," + without
	key := mac(h, salted, "Client Key")
	signature := mac(h, digest(h, key), message)
	for i := range signature {
		signature[i] ^= key[i]
	}
	if base64.StdEncoding.EncodeToString(signature) != proof {
		return nil, true, wrongPassword()
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(mac(h, mac(h, salted, "Server Key"), message))), false, nil
}

func mac(h func() hash.Hash, key []byte, message string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(message))
	return m.Sum(nil)
}

func digest(h func() hash.Hash, b []byte) []byte {
	d := h()
	d.Write(b)
	return d.Sum(nil)
}
