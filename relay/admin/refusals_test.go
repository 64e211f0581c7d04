package admin

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestARefusalArrives sends large bodies that are refused, by clients that read the answer only once they have sent
// everything.
func TestARefusalArrives(t *testing.T) {
	const retry = "POST /api/v1/deliveries/retry"
	large := strings.Repeat(" ", 3<<20)
	for name, c := range map[string]struct {
		call, host, token string
		status            int
	}{
		"too large":    {retry, "localhost", "adm1n", 413},
		"no token":     {retry, "localhost", "wrong", 401},
		"another name": {retry, "evil.example", "adm1n", 421},
		"a path":       {"POST /api/v2", "localhost", "adm1n", 404},
		"a method":     {"PUT /api/v1/events", "localhost", "adm1n", 405},
		"a probe":      {"POST /healthz", "localhost", "adm1n", 405},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, "adm1n")
			head := fmt.Sprintf("%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n", c.call, c.host, c.token)
			for client, parts := range map[string][]string{
				"with a length":      {head, fmt.Sprintf("Content-Length: %d\r\n\r\n", len(large)), large},
				"with chunks":        {head, "Transfer-Encoding: chunked\r\n\r\n300000\r\n", large, "\r\n0\r\n\r\n"},
				"that does not wait": {head, fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(large)), large},
			} {
				answer := exchange(t, strings.TrimPrefix(d.url, "http://"), parts)
				if !strings.Contains(answer, fmt.Sprintf("HTTP/1.1 %d ", c.status)) || !strings.Contains(answer, `{"error":"`) {
					t.Errorf("a client %s got %.300q, want %d", client, answer, c.status)
				}
			}
		})
	}
}

// exchange sends all parts and then reads all of the answer, or returns what went wrong.
func exchange(t *testing.T, address string, parts []string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	for _, part := range parts {
		if _, err := io.WriteString(conn, part); err != nil {
			return "sending: " + err.Error()
		}
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "receiving: " + err.Error()
	}
	return string(answer)
}
