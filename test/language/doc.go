// Package language checks that the texts of the project are plain technical English: no expression of the private
// language that the project once used (words.go), no line too long to read.
//
// The test reads the comments, strings and identifiers of Go files, the docs, Terraform's and dbt's texts, scripts and
// workflows. It cannot judge a sentence; it finds the words that readers stumbled over. An exact phrase that must keep
// such a word is an exception with its reason (allow.go).
package language
