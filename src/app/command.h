// The program's commands. Each gets its own arguments, argv[0] being "tramline COMMAND", and answers the exit status.
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

enum {
    EXIT_SOUND = 0,
    EXIT_FAILED = 1, // it did not work out, or a promise was not kept
    EXIT_WRONG = 64, // of the command line, as in sysexits.h
};

int command_serve(int argc, char **argv);
int command_ride(int argc, char **argv);
int command_city(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_token(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_copy(int argc, char **argv);

#endif
