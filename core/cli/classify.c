#include "core/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cli/messages.h"
#include "core/engine/classify.h"
#include "core/engine/language.h"

static const char help[] = "Reads messages as JSON lines "
                           "{\"id\",\"ts\",\"channel\",\"author\",\"lang\"?,\"text\"} and prints\n"
                           "  id <tab> complaint 0..1 <tab> language (- where unsure)\n"
                           "for each. 'classify train --gold FILE --model OUT' learns from "
                           "messages on stdin and a file of\n"
                           "  id <tab> 0 or 1\n"
                           "(1: a complaint); 'classify --model FILE' then uses what was learnt.";

static Classifier *load_model(const char *file, GError **error)
{
    char *data;
    gsize length;
    if (!g_file_get_contents(file, &data, &length, error))
        return NULL;
    g_autoptr(GBytes) bytes = g_bytes_new_take(data, length);
    return classifier_restore(bytes, error);
}

static int score_all(const Classifier *classifier, bool why)
{
    g_autoptr(InMessages) messages = in_messages_new("classify");
    g_autoptr(Normalised) normalised = normalised_new();
    const InMessage *message;
    char lang[4];
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    while ((message = in_messages_next(messages))) {
        normalise(normalised, message->text, (gssize)message->text_length);
        language_of(normalised, message->lang, lang);
        printf("%s\t%.4f\t%s", message->id, classifier_score(classifier, normalised), lang);
        if (why) {
            g_auto(GStrv) words = classifier_why(classifier, normalised, 5);
            g_autofree char *all = g_strjoinv(" | ", words);
            printf("\t%s", g_strdelimit(all, "\t\r\n", ' '));
        }
        putchar('\n');
    }
    return in_messages_status(messages);
}

/* `model` is NULL where nothing has been learnt. */
static int score(const char *model, bool why)
{
    if (!model) {
        g_autoptr(Classifier) classifier = classifier_new();
        return score_all(classifier, why);
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(Classifier) classifier = load_model(model, &error);
    return classifier ? score_all(classifier, why) : cli_fail("classify", "%s", error->message);
}

/* id to "0" or "1"; a line that starts with # is a heading. */
static GHashTable *load_gold(const char *file, GError **error)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(file, &text, NULL, error))
        return NULL;
    g_autoptr(GHashTable) gold = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (int i = 0; lines[i]; i++) {
        g_auto(GStrv) fields = g_strsplit(lines[i], "\t", 3);
        if (*lines[i] == '#' || *lines[i] == '\0')
            continue;
        const char *judgement = fields[1] ? g_strstrip(fields[1]) : "";
        if (strcmp(judgement, "0") != 0 && strcmp(judgement, "1") != 0) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s, line %d: not id <tab> 0 or 1",
                        file, i + 1);
            return NULL;
        }
        g_hash_table_replace(gold, g_strdup(fields[0]), GINT_TO_POINTER(*judgement));
    }
    return g_steal_pointer(&gold);
}

typedef struct Example {
    char *text;
    bool complaint;
} Example;

static void clear_example(gpointer example)
{
    g_free(((Example *)example)->text);
}

static void learn(Classifier *classifier, const GArray *examples)
{
    g_autoptr(Normalised) normalised = normalised_new();
    for (int round = 0; round < 6; round++)
        for (guint i = 0; i < examples->len; i++) {
            /* a step that is prime to any length visits all, and not in the order of the stream */
            const Example *example = &g_array_index(
                examples, Example, (guint)((uint64_t)i * 2654435761u % examples->len));
            normalise(normalised, example->text, -1);
            (round == 0 ? classifier_teach : classifier_rehearse)(classifier, normalised,
                                                                  example->complaint);
        }
}

static int train(const char *gold_file, const char *model)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) gold = load_gold(gold_file, &error);
    if (!gold)
        return cli_fail("classify", "%s", error->message);
    g_autoptr(InMessages) messages = in_messages_new("classify");
    g_autoptr(GArray) examples = g_array_new(FALSE, FALSE, sizeof(Example));
    g_array_set_clear_func(examples, clear_example);
    const InMessage *message;
    while ((message = in_messages_next(messages))) {
        int judgement = GPOINTER_TO_INT(g_hash_table_lookup(gold, message->id));
        Example example = {g_strndup(message->text, message->text_length), judgement == '1'};
        if (judgement)
            g_array_append_val(examples, example);
        else
            g_free(example.text);
    }
    if (examples->len == 0)
        return cli_fail("classify", "no message on stdin is in %s", gold_file);
    g_autoptr(Classifier) classifier = classifier_new();
    learn(classifier, examples);
    g_autoptr(GBytes) bytes = classifier_save(classifier);
    if (!g_file_set_contents(model, g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes),
                             &error))
        return cli_fail("classify", "%s", error->message);
    fprintf(stderr, "learnt from %u messages\n", examples->len);
    return in_messages_status(messages);
}

int cmd_classify(int argc, char **argv)
{
    g_autofree char *gold = NULL, *model = NULL;
    gboolean why = FALSE;
    const GOptionEntry entries[] = {
        {"gold", 0, 0, G_OPTION_ARG_FILENAME, &gold, "judgements to learn from", "FILE"},
        {"model", 0, 0, G_OPTION_ARG_FILENAME, &model, "what was learnt", "FILE"},
        {"why", 0, 0, G_OPTION_ARG_NONE, &why, "a column more: the words that decided", NULL},
        {0},
    };
    if (!cli_parse("[train]", help, entries, 0, 1, &argc, &argv))
        return CLI_WRONG_USE;
    bool training = argc == 2;
    if (training && strcmp(argv[1], "train") != 0) {
        cli_fail("classify", "unexpected '%s' (see 'breakwater classify --help')", argv[1]);
        return CLI_WRONG_USE;
    }
    if (training ? !gold || !model : gold != NULL) {
        cli_fail("classify", training ? "train needs --gold FILE and --model OUT"
                                      : "--gold goes with 'classify train'");
        return CLI_WRONG_USE;
    }
    return training ? train(gold, model) : score(model, why);
}
