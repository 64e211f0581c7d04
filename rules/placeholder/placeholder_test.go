package placeholder

import "testing"

func TestIsKnowsTheTextsOfExamples(t *testing.T) {
	for _, text := range []string{"changeme", "CHANGE_ME", "<token>", "xxx", "XXXX", "your-token", "YOUR_API_KEY", "xoxb-your-token",
		"YOUR-HOST", "smtp.yourdomain.com", "token", "my-token", "API_KEY", "secret-key-here", "todo", "$TOKEN", "%TOKEN%",
		"[token]", "...", "abc…", "insert-token-here", "xoxb-xxxxxxxxxx", "***"} {
		if !Is(text) {
			t.Errorf("%q is a placeholder", text)
		}
	}
	for _, text := range []string{"abc", "s3cret", "secret", "xoxb-1234567890-abcdef", "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2", "p",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "smtp.example.com", "correct horse battery staple", "xx", "tokenizer", "pa$$word",
		"keyring-7"} {
		if Is(text) {
			t.Errorf("%q may be real", text)
		}
	}
}
