package console

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/trial"
)

// backtestPage is what the page of a backtest shows, and the part of it on the page that tries rules.
type backtestPage struct {
	trial.Backtest
	Percent  int
	Problems []tryProblem
	Wrong    string // why none was started
}

// IsRunning reports whether it has not ended.
func (b backtestPage) IsRunning() bool { return b.State == trial.Running }

// IsFaulty reports whether the draft has errors, so that it decided nothing.
func (b backtestPage) IsFaulty() bool { return b.State == trial.Done && !b.Check.OK }

// startBacktest runs the draft of the form over stored events.
func (c *Console) startBacktest(r *http.Request) (to string, v *frame.View, err error) {
	p := readTry(r)
	started, err := c.o.Backtests.Start(r.Context(), trial.BacktestRequest{Since: r.PostFormValue("since"), Draft: p.draft()})
	c.o.Desk.Note(r.Context(), desk.VerbBacktest, started.ID, "", err)
	var input *trial.InputError
	if errors.As(err, &input) || errors.Is(err, trial.ErrRunning) {
		p.Backtest.Wrong = err.Error()
		return "", c.tryView(p), nil
	}
	if err != nil {
		return "", nil, err
	}
	return "backtests/" + started.ID, nil, nil
}

func (c *Console) backtest(r *http.Request) (*frame.View, error) {
	id, err := url.PathUnescape(mux.Vars(r)["id"])
	if err != nil {
		return nil, noBacktest()
	}
	found, err := c.o.Backtests.Get(id)
	if errors.Is(err, trial.ErrNoBacktest) {
		return nil, noBacktest()
	}
	return &frame.View{Template: "backtest", Title: "Backtest", Data: backtestOf(found), JSON: "api/v1/backtests/" + id, Live: true}, err
}

func (c *Console) stopBacktest(r *http.Request) (to string, v *frame.View, err error) {
	stopped, err := c.o.Backtests.Stop(mux.Vars(r)["id"])
	if errors.Is(err, trial.ErrNoBacktest) {
		return "", nil, noBacktest()
	}
	return "backtests/" + stopped.ID, nil, err
}

func noBacktest() error {
	return &frame.Problem{Status: http.StatusNotFound, Title: "No such backtest", Text: "The last ten backtests are kept until the relay ends. " +
		"Open the page Try to run another one."}
}

func backtestOf(b trial.Backtest) backtestPage {
	return backtestPage{Backtest: b, Percent: int(100 * b.Progress), Problems: problemsOf(b.Check.Problems)}
}
