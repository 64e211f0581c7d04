package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/trial"
)

// copyAs answers with an event as text that one pastes elsewhere: its JSON, a command that posts it, one that explains
// it, or a test of the rules.
func (c *Console) copyAs(w http.ResponseWriter, r *http.Request) error {
	id, err := idOf(r)
	if err != nil {
		return err
	}
	e, err := c.o.Desk.Event(r.Context(), id)
	if err != nil {
		return c.problem(err)
	}
	text, err := c.copyText(r.Context(), mux.Vars(r)["form"], &e)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, text) // a client that is gone needs no answer
	return nil
}

func (c *Console) copyText(ctx context.Context, form string, e *desk.Event) (string, error) {
	switch form {
	case "json":
		return string(e.Body) + "\n", nil
	case "curl":
		return fmt.Sprintf("curl -sS \"$RELAY/webhooks/%s\" -H \"X-Qase-Secret: $QASE_SECRET\" "+
			"-H 'Content-Type: application/json' --data-binary %s\n", e.Source, shellQuoted(string(e.Body))), nil
	case "explain":
		return "qase-relay explain --id " + e.ID + "\n", nil
	case "test":
		text, err := c.o.Trial.TestOf(ctx, trial.Request{Event: trial.Event{ID: e.ID}})
		var input *trial.InputError
		if errors.As(err, &input) {
			err = &frame.Problem{Status: http.StatusConflict, Title: "Not possible", Text: err.Error()}
		}
		return text, err
	}
	return "", &frame.Problem{Status: http.StatusNotFound, Title: "Not found", Text: "There is no such form of an event."}
}

// shellQuoted returns a text as one word for a shell.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
