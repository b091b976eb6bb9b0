package cli

import "testing"

// Text that others wrote is shown without what controls a terminal; the colours of the tool stay.
func TestPrintable(t *testing.T) {
	t.Parallel()
	tool := &text{color: true}
	for in, want := range map[string]string{
		"plain ç · …\tand\na line": "plain ç · …\tand\na line", "x \x1b]0;TITLE\a y": "x ]0;TITLE y", "\x1b[2J\x1b[31": "[2J[31",
		"a\rb\u009b31mc\x00": "ab31mc", "\u202eabc": "abc", tool.paint(red, "failed") + "\x1b": "\x1b[31mfailed\x1b[0m",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}
