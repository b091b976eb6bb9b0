package docs

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode"
)

// Problem is one thing in a page that does not hold.
type Problem struct {
	File string
	Line int
	Text string
}

// String returns the problem as "file:line: text".
func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Tree is what pages may refer to.
type Tree struct {
	Exists  func(path string) bool      // a file or folder of the repository
	Page    func(path string) string    // a page's text; empty if the page does not exist
	Targets map[string]bool             // of the Makefile
	Llac    func(words []string) error  // an error when llac has no such command
	Flag    func(words []string) string // the flags of a command, as its help lists them
}

var (
	link        = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code        = regexp.MustCompile("`([^`\n]+)`")
	makeTarget  = regexp.MustCompile(`(?:^|[\s;&(])make ([a-z][a-z0-9-]*)`)
	llacCommand = regexp.MustCompile(`(?:^|[\s(])(?:bin/)?llac((?: [a-z][a-z-]*)+)(( +\S+)*)`)
	flag        = regexp.MustCompile(`(^|\s)(--[a-z][a-z-]*)`)
)

// Check returns what does not hold in a page.
func Check(file, text string, tree Tree) []Problem {
	var out []Problem
	add := func(line int, format string, args ...any) {
		out = append(out, Problem{file, line, fmt.Sprintf(format, args...)})
	}
	fence := ""
	for i, line := range strings.Split(text, "\n") {
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "```") {
			if fence != "" {
				fence = ""
			} else if fence = strings.TrimPrefix(trimmed, "```"); fence == "" {
				fence = "plain"
			}
			continue
		}
		switch fence {
		case "":
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if problem := followLink(file, m[1], tree); problem != "" {
					add(i+1, "%s", problem)
				}
			}
			for _, m := range code.FindAllStringSubmatch(line, -1) {
				checkCommand(m[1], tree, func(p string) { add(i+1, "%s", p) })
			}
		case "sh", "plain":
			command, _, _ := strings.Cut(line, " #")
			checkCommand(command, tree, func(p string) { add(i+1, "%s", p) })
		}
	}
	return out
}

// followLink returns what is wrong with a link of a page; "" when it leads somewhere or is not relative.
func followLink(file, target string, tree Tree) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	to, anchor, _ := strings.Cut(target, "#")
	at := file
	if to != "" {
		at = path.Join(path.Dir(file), to)
		if !tree.Exists(at) {
			return fmt.Sprintf("dead link: %s does not exist", at)
		}
	}
	if anchor == "" {
		return ""
	}
	for line := range strings.SplitSeq(tree.Page(at), "\n") {
		if heading := strings.TrimLeft(line, "#"); heading != line && slug(heading) == anchor {
			return ""
		}
	}
	return fmt.Sprintf("dead link: %s has no heading #%s", at, anchor)
}

// slug returns the anchor of a heading, as GitHub makes it.
func slug(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(heading)) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			b.WriteRune(r)
		case r == ' ':
			b.WriteRune('-')
		}
	}
	return b.String()
}

// checkCommand reports the make targets, commands of llac and flags in one command that do not exist.
func checkCommand(command string, tree Tree, report func(string)) {
	for _, m := range makeTarget.FindAllStringSubmatch(command, -1) {
		if !tree.Targets[m[1]] {
			report("make has no target " + m[1])
		}
	}
	for _, m := range llacCommand.FindAllStringSubmatch(command, -1) {
		words := strings.Fields(m[1])
		for len(words) > 0 && tree.Llac(words) != nil { // the last words may be arguments
			words = words[:len(words)-1]
		}
		if len(words) == 0 {
			report("llac has no command " + strings.TrimSpace(m[1]))
			continue
		}
		help := tree.Flag(words)
		for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
			if !strings.Contains(help, f[2]+" ") && !strings.Contains(help, f[2]+"\n") {
				report(fmt.Sprintf("llac %s has no flag %s", strings.Join(words, " "), f[2]))
			}
		}
	}
}
