package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/llac-project/llac/operations/answer"
)

func TestAnswerText(t *testing.T) {
	t.Parallel()
	c := &answer.Change{From: 2023, To: 2024, Origin: "recorded", Source: "simulator", Simulated: true,
		Attribution: []string{"Font: Idescat."}, Build: "B", Query: "select 1"}
	for i := range 12 {
		c.Comarques = append(c.Comarques, answer.Comarca{Name: strings.Repeat("à", i+1), Start: 1000, End: 1012 - int64(2*i),
			Change: 12 - int64(2*i), Percent: 1.2 - 0.2*float64(i)})
		c.Start, c.End = c.Start+1000, c.End+1012-int64(2*i)
	}
	draw := func(r *answerReply, width int, color bool) string {
		text := &text{color: color, llac: func(words string) string { return "llac " + words }}
		answerText(text, r, width)
		return text.String()
	}
	got := draw(&answerReply{Change: c}, 60, false)
	for _, part := range []string{"Catalonia: 12,000 to 12,012, +12 (+0.10 %).", "  à              +1.20 %  +12  ███████",
		"  … 2 between them", "  àààààààààààà   −1.00 %  −10  ▒▒▒▒▒▒▒▒",
		"These figures are recorded facts, served here by the simulator", `llac sql "select 1"`} {
		if !strings.Contains(got, part) {
			t.Errorf("the answer lacks %q:\n%s", part, got)
		}
	}
	for line := range strings.Lines(got) {
		if strings.ContainsAny(line, "█▒") && utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 60 {
			t.Errorf("wider than the terminal: %q", line)
		}
	}
	if strings.Contains(got, "\x1b") || !strings.Contains(draw(&answerReply{Change: c}, 60, true), "\x1b[31m▒") {
		t.Error("the colours do not follow the setting")
	}
	c.Simulated, c.Source, c.UpdatedAt = false, "api.idescat.cat", "2025-11-01"
	if got := draw(&answerReply{Change: c}, 60, false); !strings.Contains(got, "Updated 2025-11-01. Published by api.idescat.cat.") ||
		strings.Contains(got, "simulator") {
		t.Errorf("of real figures:\n%s", got)
	}
	if got := draw(&answerReply{Refused: "the figures of 1 of the 43 comarques for 2023 are invented"}, 60, false); strings.ContainsAny(got,
		"█▒%") ||
		got != "\nNo answer about the population: the figures of 1 of the 43 comarques for 2023 are invented.\n" {
		t.Errorf("refused: %q", got)
	}
	if got := draw(nil, 60, false); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
