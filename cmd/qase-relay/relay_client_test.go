package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/client"
)

func TestCommandsHaveTheTimeoutOfTheirAnswer(t *testing.T) {
	for command, want := range map[string]time.Duration{
		"events list": defaultTimeout, "events export": defaultTimeout, "deliveries list": defaultTimeout,
		"deliveries retry": defaultTimeout, "events replay": bulkTimeout, "healthcheck": 5 * time.Second,
	} {
		cmd, _, err := newRoot(&terminal.Console{}).Find(strings.Fields(command))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cmd.Flags().GetDuration("timeout"); got != want || err != nil {
			t.Errorf("%s waits for %s, %v", command, got, err)
		}
	}
}

func TestRequestsTimeOut(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections, but never reads them
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := newRelayClient(clientFlags{client.Options{URL: "http://" + silent.Addr().String(),
		Timeout: 50 * time.Millisecond}})
	// "no answer from", or "no connection to" if the machine is busy
	if err := c.get(t.Context(), "events", nil, &struct{}{}); err == nil ||
		!strings.Contains(err.Error(), silent.Addr().String()+" in time") {
		t.Errorf("got %v", err)
	}
}

func TestTheTokenDoesNotFollowRedirects(t *testing.T) {
	asked := make(chan string, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter,
		r *http.Request) {
		asked <- r.Header.Get("Authorization")
	}))
	defer other.Close()
	moved := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer moved.Close()
	c := newRelayClient(clientFlags{client.Options{URL: moved.URL, Token: "s3cret", Timeout: time.Minute}})
	var said *terminal.HintError
	if err := c.get(t.Context(), "events", nil, &struct{}{}); !errors.As(err, &said) ||
		!strings.Contains(said.Hint, "final address") {
		t.Errorf("got %v", err)
	}
	select {
	case token := <-asked:
		t.Errorf("the other server was asked with the token %q", token)
	default:
	}
}

func TestAMissingMachineAndAMissingAnswerHaveDifferentErrors(t *testing.T) {
	for want, err := range map[string]error{
		"no connection to 10.0.0.5:9090 in time": &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded},
		"no answer from 10.0.0.5:9090: bad luck": &net.OpError{Op: "dial", Err: errors.New("bad luck")},
	} {
		if got := fmt.Sprint(withHint(&client.ConnectionError{URL: "http://10.0.0.5:9090",
			Err: err})); !strings.Contains(strings.ReplaceAll(got, "dial: ", ""), want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
