package console_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// printed returns the text of each sheet of the page on paper. Without pdftotext the test is skipped, unless it is required.
func (b *tab) printed(name string) []string {
	b.t.Helper()
	if _, err := exec.LookPath("pdftotext"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("QASE_RELAY_TEST_REQUIRE"), ","), "pdftotext") {
			b.t.Fatal("no pdftotext: install Debian's package poppler-utils")
		}
		b.t.Skip("no pdftotext")
	}
	var pdf []byte
	b.do(func(ctx context.Context, t *chromedp.Target) (v chromedp.Void, err error) {
		printed, err := cdp.Call(ctx, t, page.PrintToPDF, page.PrintToPDFParams{})
		pdf = printed.Data
		return v, err
	})
	if *shotsInto != "" {
		if err := os.WriteFile(filepath.Join(*shotsInto, name+".pdf"), pdf, 0o600); err != nil {
			b.t.Error(err)
		}
	}
	cmd := exec.CommandContext(b.t.Context(), "pdftotext", "-layout", "-", "-")
	cmd.Stdin = bytes.NewReader(pdf)
	text, err := cmd.Output()
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\f"), "\f")
}

// TestPagesCanBePrinted prints pages: they have no navigation, are unfolded, and no rule is cut in two.
func TestPagesCanBePrinted(t *testing.T) {
	g := start(t, rigOptions{})
	text, err := os.ReadFile(g.rules)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		text = fmt.Appendf(text, "  - {name: more-%d, when: 'event_name == \"run.completed\" && payload.failed > %d', notify: [ops]}\n", i, 100+i)
	}
	if err := os.WriteFile(g.rules, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if resp, text := g.page("POST", "/-/reload", nil); resp.StatusCode != 200 {
		t.Fatal(text)
	}
	ids := g.story()
	fields := ""
	for i := range 300 {
		fields += fmt.Sprintf(`"field_%d":"value-%d",`, i, i)
	}
	big := g.post(event("run.completed", 9, `"title":"Große Läufe","failed":3,"deep":{"one":{"two":{"three":"at the bottom"}}},`+fields+`"last":"the end of it"`))
	g.settle(map[string]string{"big": big})
	b := newTab(t, g.Admin)
	b.show(look{"dark", 1280, 900, "dark", false})
	b.visit("/events/" + big)
	sheets := b.printed("event")
	all := strings.Join(sheets, "\n")
	for _, want := range []string{"run.completed", "at the bottom", "value-299", "the end of it", "What happened", "failed-run", "more-59", "to qa-slack"} {
		if !strings.Contains(all, want) {
			t.Errorf("the print lacks %s: %s", want, all)
		}
	}
	for _, screen := range []string{"Overview", "Notifiers", "Replay", "Silence this", "Skip to content", "as JSON", "← Events", "Keys"} {
		if strings.Contains(all, screen) {
			t.Errorf("the print has %q: %s", screen, all)
		}
	}
	if len(sheets) < 3 {
		t.Errorf("%d sheets", len(sheets))
	}
	for _, sheet := range sheets {
		for i := range 60 {
			name, why := fmt.Sprintf("more-%d ", i), fmt.Sprintf("payload.failed > %d", 100+i)
			if strings.Contains(sheet, name) && !strings.Contains(sheet, why) {
				t.Errorf("the rule %s is cut in two: %s", name, sheet)
			}
		}
	}
	for path, want := range map[string]string{"/rules": "more-59", "/events": "Nightly regression", "/deliveries": "New defect #9:", "/rules/failed-run": "level: error",
		"/entities/qase/WEB/run/7": "Cases", "/why?q=" + ids["aborted"]: "1 message failed", "/silences": "Silences"} {
		b.visit(path)
		all := strings.Join(b.printed(strings.ReplaceAll(strings.Trim(path, "/"), "/", "-")), "\n")
		if !strings.Contains(all, want) || strings.Contains(all, "Overview") || strings.Contains(all, "as JSON") {
			t.Errorf("%s: the print lacks %s, or has what is for the screen: %s", path, want, all)
		}
	}
}
