// Package aws applies terraform/ to moto and looks at what comes of it. apply.sh applies all roots in order and leaves their second
// plans, which Judge holds against plan_allow.txt; moto_server.py is the moto that this is done with, and says what it puts right.
package aws
