package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
	"qaserelay/rules/diag"
)

// answer writes v, or the error of the desk.
func (s *server) answer(w http.ResponseWriter, v any, err error) {
	var state *desk.StateError
	var input *desk.InputError
	failed := &desk.OpError{Op: "answering", Err: err}
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, v)
	case errors.As(err, &input):
		writeError(w, http.StatusBadRequest, input.Message)
	case errors.Is(err, desk.ErrNoSilence), errors.Is(err, desk.ErrNotWaiting), errors.Is(err, desk.ErrNoRule),
		errors.Is(err, desk.ErrNoJob):
		writeError(w, http.StatusNotFound, err.Error())
	case errors.Is(err, store.ErrNotFound):
		writeError(w, http.StatusNotFound, "no event or delivery has this id")
	case errors.Is(err, dispatch.ErrNoNotifier):
		writeError(w, http.StatusNotFound, err.Error())
	case errors.As(err, &state):
		writeError(w, http.StatusConflict, state.Message)
	default:
		_ = errors.As(err, &failed)
		s.Logger.Error("admin API request failed", "op", failed.Op, "error", failed.Err)
		writeError(w, http.StatusServiceUnavailable, failed.Op+" failed, the log says why")
	}
}

// reload reloads the rules. If they have errors, it answers 422 with all problems.
func (s *server) reload(w http.ResponseWriter, r *http.Request) {
	err := s.Reload(r.Context())
	var problems diag.Problems
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, map[string]string{"status": "reloaded"})
	case errors.As(err, &problems):
		writeJSON(w, http.StatusUnprocessableEntity, struct {
			Error    string        `json:"error"`
			Problems diag.Problems `json:"problems"`
		}{"reload failed, keeping the previous rules: " + err.Error(), problems})
	default:
		writeError(w, http.StatusInternalServerError, "reload failed: "+err.Error())
	}
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusNotFound, "not found; / lists the endpoints")
}

// methodNotAllowed answers a call to a path of a router that has other methods.
func methodNotAllowed(router *mux.Router) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
			try, match := r.Clone(r.Context()), mux.RouteMatch{}
			if try.Method = method; router.Match(try, &match) && match.MatchErr == nil {
				allowed = append(allowed, method)
			}
		}
		allow := strings.Join(allowed, ", ")
		w.Header().Set("Allow", allow)
		writeError(w, http.StatusMethodNotAllowed, "method not allowed: use "+allow)
	}
}

func refuseCrossOrigin(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusForbidden, "requests from other sites' pages are refused")
}

func writeError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message})
}

// writeJSON writes v, in which < and > stand as they are.
func writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		b.Reset()
		b.WriteString(`{"error":"the answer could not be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a client that is gone needs no answer
}
