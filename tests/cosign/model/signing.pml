/* Signing against everybody: docs/protocol-cosign.md, section 4.
 *
 * The front delivers what it likes, as often as it likes, in any order.  A stolen phone asks for
 * any Q1 and e under any com, so the signer's workers take any request at all.  The signer falls
 * at any point and comes back without its memory; what it wrote to the ledger stays.  The honest
 * phone is shown any com and any answer that ever left the signer, and may fall as well.
 *
 * A com stands for its k and K, a request is the triple (com, Q1, e), w is the number of a draw.
 */
#define COMS 3
#define DRAWS 3
#define DOCUMENT 0 /* the e that the task has; 1 is another */
#define REQUESTS (COMS * DRAWS * 2)
#define COM(r) (1 + (r) / (DRAWS * 2))
#define DRAW(r) (1 + ((r) / 2) % DRAWS)
#define DIGEST(r) ((r) % 2)
#define LIVES 3 /* of the signer */
#define PHONE_LIVES 2

/* Durable: rows of the ledger. */
bit released[COMS + 1];
bit final;
/* The signer's memory. */
byte open;           /* com of the session that may still be answered, 0 for none */
byte told[COMS + 1]; /* 1 + the request that was answered under a com */
/* Nature: nothing is drawn twice. */
byte drawn_coms;
byte drawn_ws;
byte life;
/* On the wire, for ever. */
bit answer[REQUESTS];
bit signature;
/* The judge's notes. */
bit known_k[COMS + 1];
byte given[COMS + 1];
byte used_under[DRAWS + 1];
bit s_left[DRAWS + 1];

#ifdef WEAK_SESSIONS_DURABLE
byte snapshot;
#endif

inline pick(value, last) {
    value = 0;
    do
    :: value < last -> value++
    :: break
    od
}

/* The task is fetched: an open session is told again, else k is drawn. */
active proctype Tasks() {
end:
    do
    :: atomic {
           !final && open == 0 && drawn_coms < COMS ->
           drawn_coms++;
           open = drawn_coms;
#ifdef WEAK_SESSIONS_DURABLE
           snapshot = open;
#endif
#ifdef WEAK_K_TOLD_EARLY
           known_k[open] = 1;
#endif
       }
    od
}

active [2] proctype Worker() {
    byte r, mine;
end:
    do
    :: atomic { pick(r, REQUESTS - 1); mine = life }
       atomic {
           if
           :: mine == life && open == COM(r) && DIGEST(r) == DOCUMENT ->
#ifndef WEAK_NO_CLAIM
              open = 0;
#endif
              assert(!known_k[COM(r)]) /* Q1 and e are fixed while K is secret */
           :: mine == life && open == COM(r) && DIGEST(r) != DOCUMENT ->
              open = 0; r = 0; goto end /* session_burnt */
           :: mine == life && told[COM(r)] == r + 1 ->
              assert(answer[r]); r = 0; goto end /* the same request has the same answer */
           :: mine != life || (open != COM(r) && told[COM(r)] != r + 1) ->
              r = 0; goto end /* session_unknown, session_burnt */
           fi
       }
#ifndef WEAK_ROW_AFTER_ANSWER
       if
       :: atomic { mine == life -> released[COM(r)] = 1 }
       :: atomic { mine != life -> r = 0; goto end }
       fi;
#endif
       if
       :: atomic {
              mine == life ->
              assert(released[COM(r)]);                             /* the row is durable */
              assert(given[COM(r)] == 0 || given[COM(r)] == r + 1); /* one com, one answer */
              given[COM(r)] = r + 1;
              known_k[COM(r)] = 1;
              answer[r] = 1;
              told[COM(r)] = r + 1;
#ifdef WEAK_NO_CLAIM
              open = 0;
#endif
              r = 0
          }
       :: atomic { mine != life -> r = 0; goto end }
       fi
#ifdef WEAK_ROW_AFTER_ANSWER
       released[COM(r)] = 1
#endif
    od
}

/* `finish` needs the durable e alone. */
active proctype Finish() {
end:
    atomic {
        signature ->
#ifdef WEAK_FINISH_NEEDS_SESSION
        assert(told[1] || told[2] || told[3]);
#endif
        final = 1
    }
}

active proctype Power() {
    byte c;
end:
    do
    :: atomic {
           life + 1 < LIVES ->
           life++;
           open = 0;
           for (c : 1 .. COMS) { told[c] = 0 }
           c = 0;
#ifdef WEAK_SESSIONS_DURABLE
           open = snapshot
#endif
       }
    od
}

active proctype Phone() {
    byte com, w, r, lives;
end:
    do
    :: atomic { /* any com that ever was, also an old one */
           !signature -> pick(r, COMS);
           if
           :: r > 0 && r <= drawn_coms && r != com ->
              com = r;
#ifdef WEAK_W_KEPT
              if
              :: w == 0 && drawn_ws < DRAWS -> drawn_ws++; w = drawn_ws
              :: else
              fi;
#else
              w = 0
#endif
           :: else
           fi;
           r = 0
       }
    :: atomic { com != 0 && w == 0 && drawn_ws < DRAWS -> drawn_ws++; w = drawn_ws }
    :: atomic { /* Q1 leaves */
           com != 0 && w != 0 && used_under[w] != com ->
           assert(used_under[w] == 0); /* w under one com */
           used_under[w] = com
       }
    :: atomic { /* any answer that ever was */
           w != 0 && used_under[w] == com -> pick(r, REQUESTS - 1);
           if
#ifdef WEAK_NO_VERIFICATION
           :: answer[r] ->
#else
           :: answer[r] && COM(r) == com && DRAW(r) == w && DIGEST(r) == DOCUMENT ->
#endif
              assert(COM(r) == com && DRAW(r) == w && DIGEST(r) == DOCUMENT);
              assert(!s_left[w]); /* one s a w */
              s_left[w] = 1;
              signature = 1;
              w = 0
           :: else
           fi;
           r = 0
       }
    :: atomic { lives + 1 < PHONE_LIVES -> lives++; com = 0; w = 0 }
    od
}
