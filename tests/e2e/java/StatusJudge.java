import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509CRLEntry;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ocsp.OCSPObjectIdentifiers;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.ocsp.BasicOCSPResp;
import org.bouncycastle.cert.ocsp.CertificateStatus;
import org.bouncycastle.cert.ocsp.OCSPReq;
import org.bouncycastle.cert.ocsp.OCSPResp;
import org.bouncycastle.cert.ocsp.Req;
import org.bouncycastle.cert.ocsp.RevokedStatus;
import org.bouncycastle.cert.ocsp.SingleResp;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * BouncyCastle's opinion of revocation lists and OCSP answers, one a line.
 *
 * <p>Each line of standard input names a kind and files, separated by tabs: {@code crl}, the list,
 * its issuer and a certificate; or {@code ocsp}, the request, the response, the issuer and the
 * certificate. Each gets one line back: OK and what is told, or REFUSED and why.
 */
public final class StatusJudge {
    private static final String BC = BouncyCastleProvider.PROVIDER_NAME;

    private StatusJudge() {}

    public static void main(String[] arguments) throws IOException {
        Security.addProvider(new BouncyCastleProvider());
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(opinion(line.split("\t")));
            System.out.flush();
        }
    }

    private static String opinion(String[] words) {
        try {
            return "OK " + (words[0].equals("crl") ? judgeList(words) : judgeAnswer(words));
        } catch (Exception refusal) {
            return ("REFUSED " + refusal).replace('\n', ' ');
        }
    }

    private static byte[] read(String path) throws IOException {
        return Files.readAllBytes(Path.of(path));
    }

    private static X509Certificate certificate(String path) throws Exception {
        return (X509Certificate)
                CertificateFactory.getInstance("X.509", BC)
                        .generateCertificate(new ByteArrayInputStream(read(path)));
    }

    private static String judgeList(String[] words) throws Exception {
        X509CRL list =
                (X509CRL)
                        CertificateFactory.getInstance("X.509", BC)
                                .generateCRL(new ByteArrayInputStream(read(words[1])));
        list.verify(certificate(words[2]).getPublicKey(), BC);
        String told = "number " + number(list, Extension.cRLNumber);
        if (list.getExtensionValue(Extension.deltaCRLIndicator.getId()) != null) {
            told += " base " + number(list, Extension.deltaCRLIndicator);
        }
        X509CRLEntry entry = list.getRevokedCertificate(certificate(words[3]).getSerialNumber());
        return told + (entry == null ? " good" : " revoked " + entry.getRevocationReason());
    }

    private static BigInteger number(X509CRL list, ASN1ObjectIdentifier extension) {
        byte[] value = list.getExtensionValue(extension.getId());
        return ASN1Integer.getInstance(ASN1OctetString.getInstance(value).getOctets()).getValue();
    }

    private static String judgeAnswer(String[] words) throws Exception {
        OCSPReq request = new OCSPReq(read(words[1]));
        OCSPResp response = new OCSPResp(read(words[2]));
        if (response.getStatus() != OCSPResp.SUCCESSFUL) {
            throw new SecurityException("status " + response.getStatus());
        }
        BasicOCSPResp basic = (BasicOCSPResp) response.getResponseObject();
        X509Certificate issuer = certificate(words[3]);
        checkResponder(basic, issuer);
        checkNonce(request, basic);
        DigestCalculatorProvider digests =
                new JcaDigestCalculatorProviderBuilder().setProvider(BC).build();
        X509CertificateHolder holder = new X509CertificateHolder(issuer.getEncoded());
        Req asked = request.getRequestList()[0];
        SingleResp single = basic.getResponses()[0];
        if (!single.getCertID().matchesIssuer(holder, digests)
                || !single.getCertID().equals(asked.getCertID())
                || !single.getCertID()
                        .getSerialNumber()
                        .equals(certificate(words[4]).getSerialNumber())) {
            throw new SecurityException("another certificate");
        }
        CertificateStatus status = single.getCertStatus();
        if (status == CertificateStatus.GOOD) {
            return "good";
        }
        if (status instanceof RevokedStatus) {
            return "revoked " + ((RevokedStatus) status).getRevocationReason();
        }
        return "unknown";
    }

    /** RFC 6960 4.2.2.2: the responder is delegated by the issuer itself. */
    private static void checkResponder(BasicOCSPResp basic, X509Certificate issuer)
            throws Exception {
        X509CertificateHolder responder = basic.getCerts()[0];
        JcaContentVerifierProviderBuilder verifiers =
                new JcaContentVerifierProviderBuilder().setProvider(BC);
        if (!basic.isSignatureValid(verifiers.build(responder))) {
            throw new SecurityException("the answer is not signed by its responder");
        }
        if (!responder.isSignatureValid(verifiers.build(issuer))) {
            throw new SecurityException("the responder is not certified by the issuer");
        }
        ExtendedKeyUsage purposes = ExtendedKeyUsage.fromExtensions(responder.getExtensions());
        if (!purposes.hasKeyPurposeId(KeyPurposeId.id_kp_OCSPSigning)
                || responder.getExtension(OCSPObjectIdentifiers.id_pkix_ocsp_nocheck) == null) {
            throw new SecurityException("the responder is not for OCSP");
        }
    }

    private static void checkNonce(OCSPReq request, BasicOCSPResp basic) {
        Extension asked = request.getExtension(OCSPObjectIdentifiers.id_pkix_ocsp_nonce);
        Extension told = basic.getExtension(OCSPObjectIdentifiers.id_pkix_ocsp_nonce);
        if (asked != null
                && (told == null
                        || !Arrays.equals(
                                asked.getExtnValue().getOctets(),
                                told.getExtnValue().getOctets()))) {
            throw new SecurityException("the nonce is not repeated");
        }
    }
}
