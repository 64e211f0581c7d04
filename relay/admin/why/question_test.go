package why

import (
	"fmt"
	"testing"
)

func TestWhatAQuestionIsAbout(t *testing.T) {
	for text, want := range map[string]string{
		"01f3k9q2m0g00": "01f3k9q2m0g00",
		"https://app.qase.io/run/WEB/dashboard/7":             "run 7 of the project WEB",
		"https://app.qase.io/run/WEB/dashboard/7?tab=results": "run 7 of the project WEB",
		"https://acme.qase.io/run/web/dashboard/7/":           "run 7 of the project WEB",
		"https://app.qase.io/case/WEB-25":                     "case 25 of the project WEB",
		"https://app.qase.io/defect/WEB/view/3":               "defect 3 of the project WEB",
		"https://app.qase.io/plan/WEB/12":                     "plan 12 of the project WEB",
		"https://app.qase.io/project/WEB?suite=5":             "suite 5 of the project WEB",
		"https://app.qase.io/project/WEB?case=9&suite=5":      "case 9 of the project WEB",
		"https://app.qase.io/project/WEB":                     "the project WEB",
		"https://example.com/other":                           `"https://example.com/other"`,
		"WEB run 7":                                           "run 7 of the project WEB",
		"web RUN #7":                                          "run 7 of the project WEB",
		"run 7":                                               "run 7",
		"run 7 of WEB":                                        "run 7 of the project WEB",
		"WEB-25":                                              "case 25 of the project WEB",
		"WEB shared_step f00ba4":                              "shared_step f00ba4 of the project WEB",
		"nightly regression":                                  `"nightly regression"`,
		"nightly run 7 times":                                 `"nightly run 7 times"`,
		"run.completed":                                       `"run.completed"`,
	} {
		q := parse(text)
		if got := q.about(); got != want {
			t.Errorf("%s: got %s, want %s (%s)", text, got, want, fmt.Sprintf("%+v", q))
		}
	}
}
