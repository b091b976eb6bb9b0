module github.com/llac-project/llac/events

go 1.26.0
