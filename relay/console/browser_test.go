package console_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"qaserelay/relay/trial"
)

// browserVariable says required where a missing browser fails the tests instead of skipping them, and off where they are
// skipped.
const browserVariable = "QASE_RELAY_BROWSER"

// patience is how long a page has to appear on a busy machine.
const patience = 60 * time.Second

var shotsInto = flag.String("shots", "", "write a picture of each page into this folder")

var (
	startBrowser sync.Once
	browser      context.Context // nil without one
	stopBrowser  = func() {}
)

// TestMain works on drafts if a relay of the tests has started this program for that.
func TestMain(m *testing.M) {
	if trial.Main(os.Args, os.Stdin, os.Stdout) {
		return
	}
	flag.Parse()
	code := m.Run()
	stopBrowser()
	os.Exit(code)
}

// findBrowser returns Chromium, or an empty text.
func findBrowser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// tab is a page of the browser, which all tests share; each tab has cookies of its own.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string // of the console

	mu     sync.Mutex
	faults []string // what the browser complained about since the last visit
}

// newTab opens a tab, or skips the test where there is no browser.
func newTab(t *testing.T, url string) *tab {
	t.Helper()
	startBrowser.Do(func() {
		path := findBrowser()
		if path == "" || os.Getenv(browserVariable) == "off" {
			return
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
			chromedp.Flag("host-resolver-rules", "MAP *.example 127.0.0.1"))
		alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, stop := chromedp.NewContext(alloc)
		if err := chromedp.Do(ctx); err != nil {
			panic("starting Chromium: " + err.Error())
		}
		browser, stopBrowser = ctx, func() { stop(); stopAlloc() }
	})
	if browser == nil {
		if os.Getenv(browserVariable) == "required" {
			t.Fatal("no Chromium: install Debian's package chromium")
		}
		t.Skip("no Chromium, or not wanted")
	}
	b := &tab{t: t, url: url}
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.hear))
	ctx, cancel := context.WithTimeout(ctx, 30*patience)
	t.Cleanup(func() { cancel(); stop() })
	b.ctx = ctx
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as this context
		t.Fatal(err)
	}
	b.do(call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		window.reports = [];
		document.addEventListener("securitypolicyviolation", (e) => reports.push(e.violatedDirective + " " + e.blockedURI));`}),
		call(cdplog.Enable, cdp.Empty{}), call(network.Enable, network.EnableParams{}))
	return b
}

// call makes an action of a command of the browser's protocol.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, command, params)
		return chromedp.Void{}, err
	}
}

// hear notes what the browser complains about.
func (b *tab) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			b.faults = append(b.faults, fmt.Sprintf("console: %v", e.Args))
		}
	case *cdplog.EventEntryAdded:
		asksIcon := strings.HasSuffix(e.Entry.URL, "/favicon.ico") // the browser's own idea, for pages of plain text
		if !asksIcon && (e.Entry.Level == "error" || e.Entry.Level == "warning") {
			b.faults = append(b.faults, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v\n%s", err, strings.Join(b.heard(), "\n"))
	}
}

// eval returns the value of an expression in the page. A promise is awaited.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := tryEval[T](b, expression)
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func tryEval[T any](b *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// heard returns what the browser complained about, and forgets it.
func (b *tab) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	faults := b.faults
	b.faults = nil
	return faults
}

// visit opens a path of the console, and fails on a report of the content policy, an exception or an error in the
// browser's console.
func (b *tab) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
	b.check(path)
}

// check fails if the browser complained about the page.
func (b *tab) check(where string) {
	b.t.Helper()
	for _, fault := range b.heard() {
		b.t.Errorf("%s: %s", where, fault)
	}
	if eval[bool](b, "typeof reports === 'object'") {
		for _, report := range eval[[]string](b, "reports") {
			b.t.Errorf("%s: the content policy reports %s", where, report)
		}
	}
}

// await waits until an expression is true. While the tab goes to another page, the browser refuses to evaluate anything.
func (b *tab) await(expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		is, err := tryEval[bool](b, "(() => { try { return Boolean("+expression+") } catch { return false } })()")
		if is {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("never true: %s (%v)\nat %s\n%s", expression, err, eval[string](b, "location.href"),
				eval[string](b, "document.body.innerText"))
		}
	}
}

// click clicks an element once it is there and the page has loaded.
func (b *tab) click(css string) {
	b.t.Helper()
	b.await(fmt.Sprintf("document.readyState === 'complete' && document.querySelector(%q)", css))
	b.do(chromedp.Click(chromedp.CSS(css)))
}

// typeIn types into a field once it is there and the page has loaded.
func (b *tab) typeIn(css, text string) {
	b.t.Helper()
	b.await(fmt.Sprintf("document.readyState === 'complete' && document.querySelector(%q)", css))
	b.do(chromedp.SendKeys(chromedp.CSS(css), text))
}

// press types a key as a person does.
func (b *tab) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// look is how a page is shown.
type look struct {
	Name          string
	Width, Height int64
	Scheme        string
	Forced        bool
}

// looksVariable says all where there is time to see each page in all looks, as in a step of CI of its own.
const looksVariable = "QASE_RELAY_LOOKS"

// looks are those in which each page has to be right: two of them, or all six.
func looks() []look {
	var all []look
	if os.Getenv(looksVariable) != "all" {
		return []look{{"light-1280", 1280, 900, "light", false}, {"dark-320", 320, 900, "dark", false}}
	}
	for _, width := range []int64{1280, 320} {
		for _, scheme := range []string{"light", "dark"} {
			all = append(all, look{fmt.Sprint(scheme, "-", width), width, 900, scheme, false})
		}
		all = append(all, look{fmt.Sprint("forced-", width), width, 900, "dark", true})
	}
	return all
}

// show sets the size, the colors and the contrast of the screen.
func (b *tab) show(l look) {
	b.t.Helper()
	forced := map[bool]string{true: "active", false: "none"}[l.Forced]
	b.do(chromedp.EmulateViewport(l.Width, l.Height), call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.Scheme},
			{Name: "forced-colors", Value: forced}, {Name: "prefers-reduced-motion", Value: "reduce"}}}))
}

// shot writes a picture of the page, if that is asked for.
func (b *tab) shot(name string) {
	b.t.Helper()
	if *shotsInto == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(*shotsInto, name+".png"), picture, 0o600)
	}
	if err != nil {
		b.t.Error(err)
	}
}

var axeScript = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(filepath.Join("testdata", "axe", "axe.min.js"))
	return string(text), err
})

// axe fails on each violation of the rules of accessibility, and on what axe could not decide.
func (b *tab) axe(where string) {
	b.t.Helper()
	script, err := axeScript()
	if err != nil {
		b.t.Fatal(err)
	}
	b.do(func(ctx context.Context, t *chromedp.Target) (v chromedp.Void, err error) {
		_, err = chromedp.Run(ctx, chromedp.Evaluate[any](script+"; true", chromedp.EvalIgnoreExceptions))
		return v, err
	})
	result := eval[json.RawMessage](b, `axe.run(document, {resultTypes: ["violations", "incomplete"], iframes: false,
		rules: {"frame-tested": {enabled: false}} /* frames of emails run no script, so axe cannot look into them */}).then((r) =>
		[...r.violations, ...r.incomplete].flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target + ": " + n.failureSummary + " " + n.html)))`)
	var found []string
	if err := json.Unmarshal(result, &found); err != nil {
		b.t.Fatalf("%v: %s", err, result)
	}
	for _, f := range found {
		b.t.Errorf("%s: axe: %s", where, f)
	}
}
